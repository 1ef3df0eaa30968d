"""GRPO steps of TRL on the comparison's work. Run by benchmarks/step.py --trl_python=..., in an environment of its own.

uv venv --python 3.11 VENV && uv pip install --python VENV/bin/python trl==1.16.0 torch datasets
"""

from __future__ import annotations

import importlib.metadata
import logging
import os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRANSFORMERS_VERBOSITY="error")

import torch
from datasets import Dataset
from transformers import Qwen2Config, Qwen2ForCausalLM, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from benchmarks.peers import characters, protocol


def model(policy: dict[str, int], positions: int) -> Qwen2ForCausalLM:
    """Random weights."""
    torch.manual_seed(0)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=policy["vocab_size"], hidden_size=policy["width"], num_hidden_layers=policy["layers"],
            num_attention_heads=policy["heads"], num_key_value_heads=policy["kv_heads"],
            intermediate_size=policy["feed_forward"], max_position_embeddings=positions,
            tie_word_embeddings=True, pad_token_id=0, eos_token_id=1, bos_token_id=None,
        )
    )  # fmt: skip


def settings(work: protocol.Work) -> GRPOConfig:
    """One optimiser step on the whole batch, no reference, clip .2, nothing recomputed, nothing saved."""
    return GRPOConfig(
        output_dir=work.folder, max_steps=work.steps, per_device_train_batch_size=work.rows,
        gradient_accumulation_steps=1, num_generations=work.group_size, max_completion_length=work.new_tokens,
        num_iterations=1, beta=0.0, epsilon=0.2, loss_type="grpo", temperature=1.0,
        generation_kwargs=None if work.ends else {"suppress_tokens": [1]},
        learning_rate=1e-6, optim="adamw_torch", max_grad_norm=1.0, gradient_checkpointing=False,
        bf16=False, fp16=False, use_cpu=True, shuffle_dataset=False, dataloader_num_workers=0,
        logging_steps=1, report_to=[], save_strategy="no", disable_tqdm=True,
    )  # fmt: skip


class Clocked(TrainerCallback):
    """A step begins when the comparison says so."""

    def __init__(self, turns: protocol.Turns) -> None:
        self._turns = turns

    def on_step_begin(self, *_, **__) -> None:
        self._start = self._turns.begin()

    def on_step_end(self, *_, **__) -> None:
        self._turns.end(self._start)


def main() -> None:
    work = protocol.read_work()
    packages = ("trl", "torch", "transformers")
    turns = protocol.Turns({name: importlib.metadata.version(name) for name in packages})
    if work.threads:
        torch.set_num_threads(work.threads)
    logging.disable(logging.INFO)

    def reward(completions: list[str], completion_ids: list[list[int]], **_) -> list[float]:
        turns.note(toks=sum(map(len, completion_ids)), longest=max(map(len, completion_ids)))
        return [protocol.digit_share(text) for text in completions]

    policy = model(work.policy, max(1024, work.prompt_tokens + work.new_tokens))
    trainer = GRPOTrainer(
        model=policy, reward_funcs=reward, args=settings(work), callbacks=[Clocked(turns)],
        train_dataset=Dataset.from_dict({"prompt": sum(work.prompts, [])}),
        processing_class=characters.tokenizer(work.characters, work.policy["vocab_size"]),
    )  # fmt: skip
    turns.timed(policy, "generate", "gen")
    turns.timed(trainer, "_generate_and_score_completions", "score")
    trainer.train()


if __name__ == "__main__":
    main()
