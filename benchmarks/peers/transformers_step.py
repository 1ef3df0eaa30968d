"""The same step in `transformers` and torch alone: generate, score, backward, AdamW. No trainer is in the way.

Run by benchmarks/step.py --transformers_python=..., on a GPU in bfloat16, or on a CPU in float32 to try it:
uv venv --python 3.11 VENV && uv pip install --python VENV/bin/python torch transformers tokenizers

Random weights, keys and values in transformers' own cache, scaled-dot-product attention, logits of response tokens
alone, gradients accumulated over `micro_batches` pieces. Each response carries its own copy of its prompt.
"""

from __future__ import annotations

import importlib.metadata
import os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRANSFORMERS_VERBOSITY="error")

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from benchmarks.peers import characters, protocol

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TYPE = torch.bfloat16 if DEVICE == "cuda" else torch.float32


def model(policy: dict[str, int], positions: int) -> Qwen2ForCausalLM:
    """Random weights on the device."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=policy["vocab_size"], hidden_size=policy["width"], num_hidden_layers=policy["layers"],
        num_attention_heads=policy["heads"], num_key_value_heads=policy["kv_heads"],
        intermediate_size=policy["feed_forward"], max_position_embeddings=positions, tie_word_embeddings=True,
        pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).to(DEVICE, TYPE)


class Learner:
    """A policy and its optimiser."""

    def __init__(self, work: protocol.Work) -> None:
        self.work = work
        self.policy = model(work.policy, work.prompt_tokens + work.new_tokens)
        if work.recompute:
            self.policy.gradient_checkpointing_enable()
        self.optimizer = torch.optim.AdamW(self.policy.parameters(), lr=1e-6, fused=DEVICE == "cuda")
        self.tokenizer = characters.tokenizer(work.characters, work.policy["vocab_size"])

    def generate(self, texts: list[str]) -> torch.Tensor:
        """[B, Q + T] tokens; rows that have ended are padded."""
        prompts = torch.tensor([self.tokenizer.encode(text) for text in texts], device=DEVICE)
        rows = prompts.repeat_interleave(self.work.group_size, dim=0)
        ends = {} if self.work.ends else {"suppress_tokens": [1], "min_new_tokens": self.work.new_tokens}
        self.policy.eval()
        with torch.no_grad():
            return self.policy.generate(
                rows, attention_mask=torch.ones_like(rows), max_new_tokens=self.work.new_tokens, do_sample=True,
                temperature=1.0, top_k=0, top_p=1.0, **ends,
            )  # fmt: skip

    def update(self, rows: torch.Tensor, lengths: torch.Tensor, advantages: torch.Tensor) -> None:
        """One optimiser step on mean(advantage * log-prob); the first ratio of a clipped objective is one."""
        self.policy.train()
        start, pieces = self.work.prompt_tokens, max(1, self.work.micro_batches)
        for part, length, advantage in zip(*(x.chunk(pieces) for x in (rows, lengths, advantages)), strict=True):
            hidden = self.policy.model(part).last_hidden_state[:, start - 1 : -1]
            logits = self.policy.lm_head(hidden).float()
            chosen = -torch.nn.functional.cross_entropy(logits.transpose(1, 2), part[:, start:], reduction="none")
            within = torch.arange(chosen.shape[1], device=DEVICE) < length[:, None]
            loss = -((chosen * within).sum(1) / length * advantage).sum() / len(rows)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def score(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Lengths [B] and group-normalised rewards [B]."""
        responses = rows[:, self.work.prompt_tokens :]
        lengths = (responses != 0).sum(1).clamp(min=1)
        texts = self.tokenizer.batch_decode(responses, skip_special_tokens=True)
        rewards = torch.tensor([protocol.digit_share(text) for text in texts], device=DEVICE)
        groups = rewards.view(-1, self.work.group_size)
        spread = groups.std(dim=1, keepdim=True) + 1e-6
        return lengths, ((groups - groups.mean(dim=1, keepdim=True)) / spread).flatten()


def waited() -> None:
    """Until the device has done what it was given."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def device_memory() -> float | None:
    """GiB at most so far; what is cached goes back, because another process has its turn on the same device."""
    if DEVICE == "cpu":
        return None
    torch.cuda.empty_cache()
    return round(torch.cuda.max_memory_allocated() / 2**30, 3)


def main() -> None:
    work = protocol.read_work()
    turns = protocol.Turns({name: importlib.metadata.version(name) for name in ("torch", "transformers")})
    if work.threads:
        torch.set_num_threads(work.threads)
    learner = Learner(work)
    for texts in work.prompts:
        start = turns.begin()
        rows = learner.generate(texts)
        waited()
        gen = protocol.since(start)
        lengths, advantages = learner.score(rows)
        turns.note(gen=gen, score=protocol.since(start), toks=int(lengths.sum()), longest=int(lengths.max()))
        learner.update(rows, lengths, advantages)
        waited()
        turns.end(start, lambda: {"peak_device_GiB": device_memory()})


if __name__ == "__main__":
    main()
