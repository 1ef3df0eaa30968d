"""Every program that a run compiles, with the shapes and shardings of its arguments and no array behind them.

They are made by the functions that a session makes them with, so that what is compiled here is what a run compiles:
ahead of time for machines that are not there (compile_check), or to warm up before the first step.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from entropy_rl.closed_loop import loop as loops
from entropy_rl.config import Config
from entropy_rl.parallel import sharding
from entropy_rl.parallel.devices import concrete
from entropy_rl.references import EmaReference, ResetReference
from entropy_rl.rollout import buckets
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.generation import generate
from entropy_rl.training import experience, judging, learner, ledger, length_buckets, probe, references, sensitivity
from entropy_rl.training.engines import make_engine
from entropy_rl.training.program import Program
from entropy_rl.training.update import compiled_proxy, compiled_rescore, compiled_update, compiled_values
from entropy_rl.types import Array, Experience, Params, Rollout

ROLLOUT, UPDATE, BETWEEN = "rollout", "update", "between"
ADDED = {"off_policy", "reference_logprobs", "proxy_logprobs"}  # to an experience, after it was built
OTHER_TYPES = {"roles": jnp.int32, "parts": jnp.int32, "off_policy": jnp.bool_}  # of optional fields; or float32
BY_ROWS = {"parts"}  # optional fields [B]; the others are [B, T]


def of(config: Config, mesh: Mesh, engine: Engine | None = None) -> list[Program]:
    """The programs of a run in the order in which a step runs them; nothing is traced yet but shapes.

    Small ones that only reduce are left out: advantages, checks of finiteness and checksums.

    Args:
      config: resolved.
      mesh: of devices, attached or described by a topology.
      engine: of the session, if there is one.
    """
    return list(_Run(config, mesh, engine).programs())


def concrete_config(config: Config, mesh: Mesh) -> Config:
    """The config with the compute type that "auto" means on these devices."""
    return dataclasses.replace(config, policy=concrete(config.policy, mesh.devices.flat[0]))


class _Run:
    """Shapes that several programs share."""

    def __init__(self, config: Config, mesh: Mesh, engine: Engine | None) -> None:
        self.config = concrete_config(config, mesh)
        self.mesh = mesh
        self.engine = make_engine(self.config, mesh) if engine is None else engine
        beside = config.reference is not None, config.with_critic, loops.start(config.closed_loop)
        self.placement = learner.place(mesh, self.config.policy, config.optimizer, *beside)
        self.state = self.placement.state
        self.params = learner.policy_params(self.state)
        self.rollout_params = self._published()
        self.rollout = self.sampled(self.engine, config.rollout.prompts)

    def programs(self) -> Iterator[Program]:
        yield self.publish()
        yield self.sampling("sampling", self.engine, self.config.rollout.piece, self.config.rollout.pieces)
        yield from self.of_rewards()
        yield from self.of_substitutes()
        yield from self.scoring()
        yield from self.of_mini_batches()
        yield from self.of_loops()
        yield from self.of_ledger()
        yield from self.of_references()

    def _published(self) -> Params:
        """What rollouts read: leaves that need no other place keep theirs, as the programs' cache looks at."""
        moved, _ = learner.publishing(self.placement, self.params)
        leaves, structure = jax.tree.flatten(self.params)
        targets = jax.tree.leaves(self.placement.rollout_params)
        return jax.tree.unflatten(structure, [targets[n] if n in moved else leaf for n, leaf in enumerate(leaves)])

    def publish(self) -> Program:
        moved, program = learner.publishing(self.placement, self.params)
        leaves = jax.tree.leaves(self.params)
        here = [leaves[number] for number in moved]
        beside = bytes_per_device(self.state) - bytes_per_device(here)
        return Program("publish", ROLLOUT, "publish", program, (here,), self.mesh, beside=beside)

    def sampling(self, name: str, engine: Engine, prompts: int, times: float) -> Program:
        """`generate` for so many prompts; the learner's state stays on the device meanwhile."""
        chain, shards = engine.chain(prompts), buckets.shards_of(prompts, sharding.batch_shards(self.mesh))
        waves = math.ceil(prompts // shards * engine.group_size / chain[0])
        return Program(
            name, ROLLOUT, "sampling", generate, self._generate_arguments(engine, prompts), self.mesh,
            engine.options(), times, self.beside_rollout(), prompts, prompts * engine.group_size,
            engine.prompt_tokens, engine.response_tokens, engine.response_tokens * waves / len(chain), waves,
        )  # fmt: skip

    def beside_rollout(self) -> int:
        """The state, without the leaves that rollouts read where they lie."""
        moved, _ = learner.publishing(self.placement, self.params)
        shared = [leaf for number, leaf in enumerate(jax.tree.leaves(self.params)) if number not in moved]
        return bytes_per_device(self.state) - bytes_per_device(shared) + bytes_per_device(self.rollout)

    def _generate_arguments(self, engine: Engine, prompts: int) -> tuple[Any, ...]:
        where = sharding.rows(self.mesh, prompts)
        width = engine.prompt_tokens
        request = tuple(
            jax.ShapeDtypeStruct(shape, dtype, sharding=where)
            for shape, dtype in (((prompts, width), jnp.int32), ((prompts, width), jnp.bool_), ((prompts,), jnp.uint32))
        )
        everywhere = NamedSharding(self.mesh, PartitionSpec())
        scalar = lambda dtype: jax.ShapeDtypeStruct((), dtype, sharding=everywhere)  # noqa: E731
        unsigned, number, version = scalar(jnp.uint32), scalar(jnp.float32), scalar(jnp.int32)
        return self.rollout_params, request, unsigned, unsigned, unsigned, number, version

    def sampled(self, engine: Engine, prompts: int) -> Rollout:
        """Shapes of what `generate` gives."""
        with jax.set_mesh(self.mesh):
            traced = jax.eval_shape(
                lambda *arguments: generate(*arguments, **engine.options()), *self._generate_arguments(engine, prompts)
            )
        return self.by_rows(traced)

    def by_rows(self, tree: Any) -> Any:
        """Every leaf split over the batch axes where it divides, as a rollout's and an experience's arrays are."""
        place = lambda leaf: jax.ShapeDtypeStruct(  # noqa: E731
            leaf.shape, leaf.dtype, sharding=sharding.rows(self.mesh, leaf.shape[0])
        )
        return jax.tree.map(place, tree)

    def of_rewards(self) -> Iterator[Program]:
        config, rollout = self.config, self.config.rollout
        if count := getattr(config.reward, "anchors", 0):
            elder = dataclasses.replace(self.engine, group_size=count)
            yield self.sampling("sampling of anchors", elder, rollout.piece, rollout.pieces)
        if "self_certainty" in getattr(config.reward, "requires", ()):
            piece = self.sampled(self.engine, rollout.piece)
            arguments = (self.rollout_params, piece)
            yield self.scored("self-certainty", judging.self_certainties, arguments, rollout.pieces, rollout.piece,
                              {"policy": config.policy})  # fmt: skip

    def of_substitutes(self) -> Iterator[Program]:
        if self.config.refinement is not None:
            width = self.engine.prompt_tokens + self.engine.response_tokens
            refiner = dataclasses.replace(self.engine, group_size=1, prompt_tokens=width)
            yield self.sampling("sampling of refinements", refiner, self.config.refinement.slots, 1)
        if self.config.tempering is not None:
            yield self.sampling("sampling at another temperature", self.engine, self.config.tempering.prompts, 1)

    def scored(
        self, name: str, function: Any, arguments: tuple[Any, ...], times: float = 1.0, prompts: int = 0,
        options: dict[str, Any] | None = None,
    ) -> Program:  # fmt: skip
        prompts = prompts or self.config.rollout.prompts
        beside = bytes_per_device(self.state) + bytes_per_device(self.rollout) - bytes_per_device(self.params)
        return Program(
            name, BETWEEN, "scoring", function, arguments, self.mesh, options or {}, times, beside, prompts,
            prompts * self.engine.group_size, self.engine.prompt_tokens, self.engine.response_tokens,
            self.turns(arguments[-1], self.config.update.mini_batches * self.config.update.micro_batches),
        )  # fmt: skip

    def turns(self, part: Experience | Rollout, micro_batches: int) -> float:
        """Micro-batches at full length, shared between the loops of all widths."""
        with jax.set_mesh(self.mesh):
            cut = length_buckets.cut(part, micro_batches, self.config.update.buckets)
        return math.ceil(cut.bundles / cut.at_once(cut.length)) / len(cut.widths)

    def scoring(self) -> Iterator[Program]:
        """In the order of the loop, which adds what each gives to the experience: another structure, other program."""
        config, requires, fields = self.config, self.config.loss.requires, self.fields() - ADDED
        fields -= {"rollout_logprobs"} - requires
        pieces, widths = config.update.mini_batches * config.update.micro_batches, config.update.buckets
        if config.with_critic:
            arguments = (self.params, self.state.critic, self.rollout)
            yield self.scored("values", compiled_values(config.policy, pieces, widths), arguments)
        substitutes = config.refinement is not None or config.tempering is not None
        fields |= {"off_policy"} if config.refinement is not None else set()
        stages = (
            ("rescoring", config.update.rescore or substitutes, {"rollout_logprobs"} & self.fields()),
            ("reference log-probs", "reference_logprobs" in requires, {"reference_logprobs"}),
        )
        rescore, seen = compiled_rescore(config.policy, pieces, widths), set()
        for name, wanted, added in stages:
            if wanted and fields not in seen:
                seen.add(fields)
                yield self.scored(name, rescore, (self.params, self.experience(config.rollout.prompts, fields)))
            fields = fields | (added if wanted else set())
        if "proxy_logprobs" in requires:
            whole = self.experience(config.rollout.prompts, fields)
            yield self.scored("proxy", compiled_proxy(config.policy, pieces, widths), (self.params, whole))

    def of_mini_batches(self) -> Iterator[Program]:
        config, update = self.config, self.config.update
        prompts, steps = config.rollout.prompts // update.mini_batches, update.steps_per_rollout
        whole, part = self.experience(config.rollout.prompts), self.experience(prompts)
        chosen = jax.ShapeDtypeStruct((prompts,), jnp.int32)
        held = bytes_per_device(whole)
        yield Program(
            "mini-batch", UPDATE, "data", experience.taking(self.mesh, prompts), (whole, chosen), self.mesh,
            times=steps, beside=bytes_per_device(self.state),
        )  # fmt: skip
        key, everywhere = jax.eval_shape(lambda: jax.random.key(0)), NamedSharding(self.mesh, PartitionSpec())
        shardings, marked = self.placement.state_shardings, config.ledger.every > 0
        function = compiled_update(config.policy, update.micro_batches, shardings, update.buckets, marked)
        arguments = (
            self.state,
            part,
            config.loss,
            config.optimizer,
            jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=everywhere),
        )
        yield Program(
            "update", UPDATE, "update", function, arguments, self.mesh, {}, steps, held, prompts,
            prompts * self.engine.group_size, self.engine.prompt_tokens, self.engine.response_tokens,
            self.turns(part, update.micro_batches),
        )  # fmt: skip

    def of_loops(self) -> Iterator[Program]:
        """The measurement of gains, where a controller asks for it."""
        config, asked = self.config, [loops.measures_every(loop) for loop in self.config.closed_loop]
        if not any(asked):
            return
        groups, policy = sensitivity.groups(config), ledger.exact(config.policy)
        part, everywhere = self.experience(groups), NamedSharding(self.mesh, PartitionSpec())
        key = jax.eval_shape(lambda: jax.random.key(0))
        key = jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=everywhere)
        controlled = {
            one.name: jax.ShapeDtypeStruct((), jnp.float32, sharding=everywhere)
            for loop in config.closed_loop
            for one in loop.actuators
        }
        arguments = (self.state, part, config.loss, config.optimizer, key, controlled)
        yield Program(
            "gains", UPDATE, "scoring", sensitivity.sensitivities, arguments, self.mesh, {"policy": policy},
            1 / min(filter(None, asked)), bytes_per_device(self.experience(config.rollout.prompts)), groups,
            6 * groups * self.engine.group_size, self.engine.prompt_tokens, self.engine.response_tokens,
        )  # fmt: skip

    def of_ledger(self) -> Iterator[Program]:
        config, every = self.config, self.config.ledger.every
        if not every:
            return
        update, prompts = config.update, config.rollout.prompts
        groups = len(ledger.sample(config, self.mesh))
        looked_at, whole = self.experience(groups, self.fields() | {"roles"}), self.experience(prompts)
        rows, length = prompts // update.mini_batches * self.engine.group_size, self.engine.response_tokens
        marks = (jax.ShapeDtypeStruct((rows, length), jnp.uint16),) * update.steps_per_rollout
        numbers = [jax.ShapeDtypeStruct(shape, jnp.int32) for shape in ((groups,), (update.epochs, prompts))]
        arguments = (self.params, self.params, looked_at, whole, self.by_rows(marks), *numbers)
        function = ledger.compiled_entry(config, self.mesh)
        beside = bytes_per_device(self.state) - bytes_per_device(self.params)
        yield Program(
            "ledger", UPDATE, "scoring", function, arguments, self.mesh, {}, 1 / every, beside, groups,
            2 * groups * self.engine.group_size, self.engine.prompt_tokens, length,
        )  # fmt: skip
        if config.ledger.probe:
            asked = probe.unscored(self.sampled(self.engine, groups))
            yield self.scored("probe", probe.compiled_scores(config, self.mesh), (self.params, asked), 0.0, groups)

    def fields(self) -> frozenset[str]:
        """Optional fields of the experience that an update gets."""
        config, requires = self.config, self.config.loss.requires
        given = {"reference_logprobs", "proxy_logprobs", "roles", "parts", "rollout_logprobs"} & requires
        given |= {"rollout_logprobs"} if config.update.rescore else set()
        given |= {"off_policy"} if config.refinement is not None else set()
        return frozenset(given | ({"values", "returns"} if config.with_critic else set()))

    def experience(self, prompts: int, fields: frozenset[str] | None = None) -> Experience:
        """Shapes of what `build_experience` and the loop give of so many prompts; by default all of it."""
        rows, length = prompts * self.engine.group_size, self.engine.response_tokens

        def array(dtype: Any, *shape: int) -> Any:
            return jax.ShapeDtypeStruct(shape or (rows, length), dtype)

        optional = {
            name: array(OTHER_TYPES.get(name, jnp.float32), *((rows,) if name in BY_ROWS else ()))
            for name in (self.fields() if fields is None else fields)
        }
        return self.by_rows(
            Experience(
                array(jnp.int32, prompts, self.engine.prompt_tokens),
                array(jnp.bool_, prompts, self.engine.prompt_tokens),
                array(jnp.int32),
                array(jnp.bool_),
                advantages=array(jnp.float32),
                old_logprobs=array(jnp.float32),
                temperature=array(jnp.float32, rows),
                sample_ids=array(jnp.uint32, rows),
                policy_version=array(jnp.int32, rows),
                old_entropies=array(jnp.float32),
                correct=array(jnp.bool_, rows),
                **optional,
            )  # fmt: skip
        )

    def of_references(self) -> Iterator[Program]:
        """Of a reference policy that moves, as `references.Keeper` moves it; seldom."""
        reference = self.config.reference
        if isinstance(reference, EmaReference):
            function: Callable[..., Any] = references.average
            arguments: tuple[Any, ...] = (self.state.reference, self.state.params, reference.decay)
        elif isinstance(reference, ResetReference):
            function = references.compiled_reset(
                self.config.optimizer, reference.reset_optimizer, self.placement.state_shardings
            )
            arguments = (self.state,)
        else:
            return
        beside = bytes_per_device(self.state) - bytes_per_device(arguments)
        yield Program("moving the reference", BETWEEN, "data", function, arguments, self.mesh, times=0.0, beside=beside)


def bytes_per_device(tree: Any) -> int:
    """Of shapes that carry shardings; numbers count nothing."""
    return sum(_leaf_bytes(leaf) for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.ShapeDtypeStruct))


def _leaf_bytes(leaf: jax.ShapeDtypeStruct | Array) -> int:
    shape = leaf.shape if leaf.sharding is None else leaf.sharding.shard_shape(leaf.shape)
    return math.prod(shape) * leaf.dtype.itemsize
