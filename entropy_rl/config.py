"""A run as one frozen value: every field is a number, a name of a type, or a method that can be called."""

from __future__ import annotations

import dataclasses
from typing import Any

from entropy_rl import checks, compatibility, wording
from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.closed_loop.loop import EntropyLoop, OfDifficulty
from entropy_rl.inits import AsCheckpoint, FromRun, HuggingFace, RandomWeights, WarmStart
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.models.decoder import Decoder
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel.mesh import MeshShape
from entropy_rl.phases import CheckpointConfig, EvaluationConfig, Ledger, RolloutConfig, UpdateConfig, Wandb
from entropy_rl.references import FixedReference, Reference
from entropy_rl.rewards.pool import Workers
from entropy_rl.rollout.curriculum import Band, EasiestFirst
from entropy_rl.rollout.filters import DynamicSampling
from entropy_rl.rollout.refinement import Refinement
from entropy_rl.rollout.tempering import Tempering
from entropy_rl.rollout.templates import Chat, Plain
from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.mixture import without_demonstrations

HIGHEST_SEED = 1 << 31
CRITIC = frozenset({"values", "old_values", "returns"})
FRESH = frozenset({"nucleus_entropies", "expected_discriminators"})  # known of the present policy only
PROVIDED = (
    CRITIC
    | {"roles", "rollout_logprobs", "reference_logprobs", "correct", "off_policy", "parts", "proxy_logprobs"}
    | FRESH
)  # what a loss may read


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole run.

    Attributes:
      name: for logs and reports.
      task: where problems come from and how answers are judged.
      policy: the architecture, or AsCheckpoint for that of the checkpoint that `init` names.
      init: where its weights come from: WarmStart, HuggingFace, FromRun or RandomWeights.
      tokenizer: None for the task's own or, with init=HuggingFace, the checkpoint's.
      template: what is written around a prompt; None for nothing but what the tokenizer itself puts before a text.
      advantages: rewards to advantages.
      loss: surrogate, gates, penalties, shapers, aggregation.
      reward: None for the task's own verdict, or a reward function of rewards/.
      workers: processes that judge answers within limits of time and memory, or None to judge in the trainer itself;
        none are started where a verifier says that it is quick and sure to end, as those of the embedded tasks do.
      sampling: None to train on every group, or DynamicSampling to refill those without signal.
      refinement: None, or Refinement to try failed problems again with the task's help.
      tempering: None, or Tempering to learn from right answers that were sampled at another temperature.
      curriculum: None for the order of the stream, or Band or EasiestFirst, by measured pass rates.
      ledger: accounts of where entropy goes, off by default; Ledger() or --set ledger.every=5 keeps them.
      closed_loop: loops that hold the entropy at a target by moving numbers of this config, its `Controlled` ones.
      wandb: Weights & Biases beside TensorBoard; off until wandb.project names a project.
      steps: RL steps: rollouts, each followed by update.steps_per_rollout optimiser steps.
      seed: of everything random but the warm start.
    """

    name: str = "countdown_grpo"
    task: Any = Countdown()
    policy: Any = Decoder()  # or AsCheckpoint, until it is resolved
    init: WarmStart | HuggingFace | FromRun | RandomWeights = WarmStart()
    tokenizer: HuggingFaceTokenizer | None = None
    template: Chat | Plain | None = None
    mesh: MeshShape = MeshShape()
    rollout: RolloutConfig = RolloutConfig()
    sampling: DynamicSampling | None = None
    curriculum: Band | EasiestFirst | None = None
    reward: Any = None
    workers: Workers | None = Workers()
    reference: Reference | None = None
    refinement: Refinement | None = None
    tempering: Tempering | None = None
    advantages: Any = GroupNormalized()
    loss: PolicyLoss = dataclasses.field(default_factory=lambda: PolicyLoss(surrogate=ClippedSurrogate()))
    optimizer: AdamW = dataclasses.field(default_factory=AdamW)
    update: UpdateConfig = UpdateConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    ledger: Ledger = Ledger(every=0)
    closed_loop: tuple[EntropyLoop, ...] = ()
    wandb: Wandb = Wandb()
    steps: int = 240
    seed: int = 0

    def resolved(self) -> Config:
        """The same run with what the task and the checkpoint say filled in, and a reference where one is required."""
        config = dataclasses.replace(self, **wording.resolved(self))
        policy, reference = self.policy, self.reference
        if isinstance(policy, AsCheckpoint):
            policy = policy.decoder(self.init)
        if not policy.vocab_size and config.text_tokenizer is not None:
            policy = dataclasses.replace(policy, vocab_size=config.text_tokenizer.vocab_size)
        if reference is None and "reference_logprobs" in self.loss.requires:
            reference = FixedReference()
        return dataclasses.replace(config, policy=policy, reference=reference, closed_loop=self._resolved_loops())

    def _resolved_loops(self) -> tuple[EntropyLoop, ...]:
        """With the lag of this optimiser; what is no loop is left for `validate`."""
        beta1, steps = self.optimizer.beta1, self.update.steps_per_rollout
        if not isinstance(self.closed_loop, tuple) or not isinstance(beta1, int | float) or not 0 <= beta1 < 1:
            return self.closed_loop
        momentum = round(beta1**steps, 4)
        return tuple(one.resolved(momentum) if isinstance(one, EntropyLoop) else one for one in self.closed_loop)

    @property
    def text_tokenizer(self) -> Any:
        """Of a resolved config: the model's or the task's; None if a task in words was given none."""
        return self.tokenizer if self.tokenizer is not None else self.task.tokenizer

    @property
    def with_critic(self) -> bool:
        """Whether the advantages come from a value head."""
        return bool(getattr(self.advantages, "needs_critic", False))

    @property
    def counts_right_answers(self) -> bool:
        """Whether something here acts on which answers are right, and not on rewards alone."""
        by_difficulty = any(isinstance(loop.measured, OfDifficulty) for loop in self.closed_loop)
        return self.sampling is not None or by_difficulty or "correct" in self.loss.requires

    def validate(self, devices: int = 1, data: bool = True) -> None:
        """Checks every field and how they fit together, before anything is compiled.

        Args:
          devices: how many the mesh must cover.
          data: whether the task's problems are looked at; a program is the same without them.

        Raises:
          ValueError: that names the field, its value, the rule and the remedy.
        """
        checks.at_least("steps", self.steps, 1)
        if not 0 <= self.seed < HIGHEST_SEED:
            raise ValueError(f"seed is {self.seed}; it must be in [0, {HIGHEST_SEED}), for keys are made from 32 bits")
        if data:
            self.task.validate()
        config = self.resolved()
        wording.check(config)
        config.policy.validate()
        config._validate_parts()
        config.validate_batches(devices)
        config._validate_requirements()
        compatibility.check_learner(config)
        compatibility.check_loops(config)
        if data:
            config._validate_task()

    def validate_fit(self, devices: int, slices: int = 1) -> None:
        """What can be said of a machine without data, checkpoint and network: all numbers, and batches over devices.

        Raises:
          ValueError: as `validate`.
        """
        checks.at_least("steps", self.steps, 1)
        self._validate_parts()
        if self.mesh.slice != slices:
            raise ValueError(f"there are {slices} slices, but mesh.slice is {self.mesh.slice}; set it to that")
        self.validate_batches(devices)

    def _validate_parts(self) -> None:
        """All but the policy, which may be the checkpoint's."""
        for part in (
            self.init,
            self.mesh,
            self.rollout,
            self.advantages,
            self.loss,
            self.optimizer,
            self.sampling,
            self.curriculum,
            self.reward,
            self.workers,
            self.reference,
            self.refinement,
            self.tempering,
            self.update,
            self.evaluation,
            self.checkpoint,
            self.ledger,
            self.wandb,
        ):
            if part is not None and hasattr(part, "validate"):  # a method without numbers has nothing to check
                part.validate()

    def validate_batches(self, devices: int) -> None:
        """Checks that prompts split into mini-batches, micro-batches and pieces, and those over the devices.

        Raises:
          ValueError: if one does not.
        """
        prompts, update = self.rollout.prompts, self.update
        if prompts % update.mini_batches:
            raise ValueError(
                f"rollout.prompts = {prompts} do not split into update.mini_batches = {update.mini_batches}; "
                "a mini-batch is whole groups, so make prompts a multiple"
            )
        per_step = prompts // update.mini_batches
        if per_step % update.micro_batches:
            raise ValueError(
                f"a mini-batch of {per_step} prompts does not split into update.micro_batches = "
                f"{update.micro_batches}; choose a divisor"
            )
        shards = self.mesh.batch_shards(devices)
        if (per_step // update.micro_batches) % shards:
            raise ValueError(
                f"a micro-batch of {per_step // update.micro_batches} prompts does not split over {shards} "
                "devices (mesh.data x mesh.fsdp); raise rollout.prompts, lower update.micro_batches or shrink the mesh"
            )
        if self.rollout.piece % shards:
            able = [n for n in range(1, self.rollout.pieces) if prompts % n == 0 and prompts // n % shards == 0]
            raise ValueError(
                f"a piece of {self.rollout.piece} prompts (rollout.prompts / rollout.pieces = {prompts} / "
                f"{self.rollout.pieces}) does not split over {shards} devices (mesh.data x mesh.fsdp), each of which "
                f"would sample all of it; set rollout.pieces={max(able, default=1)} or raise rollout.prompts"
            )

    def _validate_requirements(self) -> None:
        missing = self.loss.requires - PROVIDED
        if missing:
            raise ValueError(
                f"a method of the loss requires {', '.join(sorted(missing))}, which this trainer does not compute; "
                "leave the method out"
            )
        if self.loss.requires & FRESH and self.loss.covariance_logprobs == "old":
            raise ValueError(
                f"the loss requires {', '.join(sorted(self.loss.requires & FRESH))}, which no rollout stores, but "
                "loss.covariance_logprobs is 'old'; use 'current'"
            )
        if "rollout_logprobs" in self.loss.requires and not self.update.rescore:
            raise ValueError(
                "the loss corrects for the difference between sampler and trainer, but update.rescore is false, so "
                "both are the sampler's; set update.rescore=true"
            )

    def _validate_task(self) -> None:
        for split in ("train", "validation", "test"):
            if self.task.size(split) == 0:
                raise ValueError(f"the {split} split of {type(self.task).__name__} is empty; give it problems")
        large = []
        for field, split in (("problems", "validation"), ("test_problems", "test")):
            size, asked = self.task.size(split), getattr(self.evaluation, field)
            if size is not None and asked > size:
                large.append((f"evaluation.{field} = {asked}, but the {split} split has {size} problems", field, size))
        if large:
            remedy = " ".join(f"--set evaluation.{field}={size}" for _, field, size in large)
            raise ValueError(f"{'; '.join(what for what, *_ in large)}; ask for fewer: {remedy}")
        if isinstance(self.init, WarmStart) and (silent := without_demonstrations(self.task)):
            names = " and ".join(type(task).__name__ for task in silent)
            raise ValueError(f"init is WarmStart, but {names} has no demonstrations; use FromRun or RandomWeights")
