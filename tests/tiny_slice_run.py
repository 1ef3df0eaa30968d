"""A run on eight devices, four ways fsdp and two ways tensor, that compiles for a TPU slice in a minute."""

from entropy_rl.config import Config, RandomWeights, RolloutConfig, UpdateConfig
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel.mesh import MeshShape


def get_config() -> Config:
    return Config(
        name="tiny_slice",
        policy=Decoder(
            vocab_size=2048, layers=3, width=256, heads=4, kv_heads=2, head_width=128, feed_forward=512,
            compute_dtype="auto", remat="full",
        ),
        init=RandomWeights(),
        mesh=MeshShape(fsdp=4, tensor=2),
        rollout=RolloutConfig(prompts=16, responses=4, prompt_tokens=128, response_tokens=192, buckets=1),
        update=UpdateConfig(mini_batches=2, micro_batches=2, buckets=2),
    )  # fmt: skip
