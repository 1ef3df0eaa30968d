"""A run of seconds, for tests of the loop; a config file, so that other processes can be started with it."""

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.config import CheckpointConfig, Config, EvaluationConfig, RolloutConfig, UpdateConfig, WarmStart
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.models.decoder import Decoder
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.rewards.overlong import OverlongPenalty
from entropy_rl.tasks.countdown import Countdown


def get_config() -> Config:
    return Config(
        name="tiny",
        task=Countdown(max_value=6, validation_problems=8, test_problems=8),
        policy=Decoder(layers=2, width=16, heads=2, kv_heads=1, head_width=8, feed_forward=32),
        init=WarmStart(steps=5, batch=8, demonstrations=16, warmup=2),
        rollout=RolloutConfig(prompts=4, responses=4),
        reward=OverlongPenalty(max_tokens=11, buffer_tokens=10),  # so weak a policy learns nothing else so soon
        advantages=GroupNormalized(),
        loss=PolicyLoss(surrogate=ClippedSurrogate(), gates=(ClipCov(fraction=0.05, omega_low=0.0, max_fraction=0.1),)),
        optimizer=AdamW(learning_rate=1e-3),
        update=UpdateConfig(mini_batches=2),
        evaluation=EvaluationConfig(every=2, problems=4, test_problems=8, samples=4),
        checkpoint=CheckpointConfig(every=2, keep=2, samples_every=2),
        steps=30,
    )
