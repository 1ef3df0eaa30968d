"""Multiple-choice commonsense from a local file, Qwen2.5-0.5B: GRPO on one GPU.

commonsense.jsonl holds one object per line, as CommonsenseQA and ARC are published: "question", "choices" (texts, or
{"label": [...], "text": [...]}) and "answerKey". Other columns: --set task.question=... and so on.

Run:     python -m entropy_rl.train --config=choices_grpo --workdir=runs/choices_grpo --set task.path=commonsense.jsonl
Result:  not yet measured
"""

import dataclasses

from configs import models
from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.config import Config, EvaluationConfig, HuggingFace, RolloutConfig, UpdateConfig
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.rollout.templates import Chat
from entropy_rl.tasks.choices import Choices


def get_config() -> Config:
    instruction = 'Think step by step, then end with "The answer is" and the letter of the right choice.'
    return Config(
        name="choices_grpo",
        task=Choices("commonsense.jsonl", answer="answerKey", instruction=instruction),
        policy=dataclasses.replace(models.QWEN25_0_5B, compute_dtype="auto", remat="full"),
        init=HuggingFace("Qwen/Qwen2.5-0.5B-Instruct"),
        template=Chat(),
        rollout=RolloutConfig(prompts=64, responses=8, prompt_tokens=256, response_tokens=512),
        advantages=GroupNormalized(),
        loss=PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.28)),
        optimizer=AdamW(learning_rate=1e-6, weight_decay=0.0),
        update=UpdateConfig(mini_batches=4, micro_batches=4),
        evaluation=EvaluationConfig(problems=128, test_problems=384, samples=8),
        steps=200,
    )
