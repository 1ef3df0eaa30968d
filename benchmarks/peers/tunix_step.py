"""GRPO steps of Tunix on the comparison's work. Run by benchmarks/step.py --tunix_python=..., in its own environment.

uv venv --python 3.11 VENV && uv pip install --python VENV/bin/python google-tunix==0.1.7
"""

from __future__ import annotations

import importlib.metadata
import os

os.environ.update(
    HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRANSFORMERS_VERBOSITY="error", WANDB_MODE="disabled"
)

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from tunix.models.qwen2 import model as qwen2
from tunix.rl import rl_cluster
from tunix.rl.grpo.grpo_learner import GRPOConfig, GRPOLearner
from tunix.rl.rollout import base_rollout

from benchmarks.peers import characters, protocol

NO_TOKEN = 10**6  # ends nothing


def model(policy: dict[str, int]) -> qwen2.Qwen2:
    """Random weights; all matrices are drawn again, because the class starts its feed-forward ones at zero."""
    config = qwen2.ModelConfig(
        num_layers=policy["layers"], vocab_size=policy["vocab_size"], embed_dim=policy["width"],
        hidden_dim=policy["feed_forward"], num_heads=policy["heads"], head_dim=policy["head_width"],
        num_kv_heads=policy["kv_heads"], rope_theta=10_000, norm_eps=1e-6, use_tied_embedding=True,
    )  # fmt: skip
    made, rng = qwen2.Qwen2(config, rngs=nnx.Rngs(0)), np.random.default_rng(0)
    redraw = lambda x: jnp.asarray(rng.normal(0, 0.02, x.shape), jnp.float32) if x.ndim > 1 else x  # noqa: E731
    nnx.update(made, jax.tree.map(redraw, nnx.state(made)))
    return made


def cluster(work: protocol.Work, mesh: jax.sharding.Mesh) -> rl_cluster.RLCluster:
    """Actor and sampler on one device; no reference, nothing logged or saved."""
    prompts = len(work.prompts[0])
    training = rl_cluster.RLTrainingConfig(
        actor_optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-6)),
        max_steps=work.steps, mini_batch_size=prompts, train_micro_batch_size=prompts, eval_every_n_steps=NO_TOKEN,
        metrics_logging_options=None, checkpoint_root_directory=None,
    )  # fmt: skip
    rollout = base_rollout.RolloutConfig(
        max_prompt_length=work.prompt_tokens, max_tokens_to_generate=work.new_tokens,
        kv_cache_size=work.prompt_tokens + work.new_tokens, temperature=1.0, top_p=1.0, top_k=None,
        eos_tokens=[1] if work.ends else [NO_TOKEN],
    )  # fmt: skip
    roles = (rl_cluster.Role.ACTOR, rl_cluster.Role.REFERENCE, rl_cluster.Role.ROLLOUT)
    config = rl_cluster.ClusterConfig(
        role_to_mesh=dict.fromkeys(roles, mesh), rollout_engine="vanilla", training_config=training,
        rollout_config=rollout,
    )  # fmt: skip
    tokenizer = characters.tokenizer(work.characters, work.policy["vocab_size"])
    return rl_cluster.RLCluster(actor=model(work.policy), reference=None, tokenizer=tokenizer, cluster_config=config)


def main() -> None:
    work = protocol.read_work()
    turns = protocol.Turns({name: importlib.metadata.version(name) for name in ("google-tunix", "jax", "flax")})
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("fsdp", "tp"))
    with mesh:
        engine = cluster(work, mesh)
    reward = lambda prompts, completions, **_: [protocol.digit_share(text) for text in completions]  # noqa: E731
    learner = GRPOLearner(
        rl_cluster=engine, reward_fns=reward,
        algo_config=GRPOConfig(num_generations=work.group_size, num_iterations=1, beta=0.0, epsilon=0.2),
    )  # fmt: skip

    def lengths(output) -> None:
        turns.note(toks=sum(map(len, output.tokens)), longest=max(map(len, output.tokens)))

    turns.timed(engine.rollout, "generate", "gen", lengths)
    turns.timed(learner, "_generate_and_compute_advantage", "score")
    step = learner._run_global_step

    def in_turn(*arguments, **keywords) -> None:
        start = turns.begin()
        step(*arguments, **keywords)
        jax.block_until_ready(nnx.state(engine.actor_trainer.model))
        turns.end(start)

    learner._run_global_step = in_turn
    learner.train([{"prompts": np.array(texts)} for texts in work.prompts])


if __name__ == "__main__":
    main()
