"""--set path=value: typed, never evaluated, and clear about what is wrong."""

from __future__ import annotations

import dataclasses
import enum
import json
import pathlib
from typing import Any, Literal

import flax.struct
import jax
import jax.numpy as jnp
import pytest

from entropy_rl.ops.schedules import Linear
from entropy_rl.overrides import apply_overrides, describe, diff, flatten, to_json


class Colour(enum.Enum):
    RED = 1


@flax.struct.dataclass
class Gate:
    ratio: float = 0.01
    coefficient: float | jax.Array = 1.0
    side: Literal["both", "low"] = flax.struct.field(pytree_node=False, default="both")


@dataclasses.dataclass(frozen=True)
class Loss:
    gates: tuple[Any, ...] = (Gate(), Gate(ratio=0.5))


@dataclasses.dataclass(frozen=True)
class Tree:
    steps: int = 240
    temperature: float = 1.0
    rescore: bool = False
    name: str = "run"
    limit: int | None = None
    either: int | float = 1
    betas: tuple[float, float] = (0.9, 0.999)
    operators: tuple[str, ...] = ("+", "-")
    learning_rate: Any = 3e-4
    schedule: Any = Linear(1.0, 0.0, 10)
    reward: Any = None
    loss: Loss = Loss()


@pytest.mark.parametrize(
    ("override", "read", "expected"),
    [
        ("steps=5", lambda t: t.steps, 5),
        ("steps = 1_000", lambda t: t.steps, 1000),
        ("temperature=3", lambda t: t.temperature, 3.0),
        ("temperature=inf", lambda t: t.temperature, float("inf")),
        ("rescore=True", lambda t: t.rescore, True),
        ("name='a=b'", lambda t: t.name, "a=b"),
        ("name=none", lambda t: t.name, "none"),  # text, for the field takes no None
        ("limit=7", lambda t: t.limit, 7),
        ("limit=none", lambda t: t.limit, None),
        ("either=2", lambda t: t.either, 2),
        ("either=2.5", lambda t: t.either, 2.5),
        ("betas=(0.8, 0.95)", lambda t: t.betas, (0.8, 0.95)),
        ("betas[1]=0.5", lambda t: t.betas, (0.9, 0.5)),
        ("operators=+,-,*", lambda t: t.operators, ("+", "-", "*")),
        ("operators=()", lambda t: t.operators, ()),
        ("learning_rate=1e-4", lambda t: t.learning_rate, 1e-4),
        ("schedule=0.25", lambda t: t.schedule, 0.25),
        ("schedule.end=0.5", lambda t: t.schedule, Linear(1.0, 0.5, 10)),
        ("loss.gates[1].ratio=0.02", lambda t: [gate.ratio for gate in t.loss.gates], [0.01, 0.02]),
        ("loss.gates[0].coefficient=2", lambda t: t.loss.gates[0].coefficient, 2.0),
        ("loss.gates[0].side=low", lambda t: t.loss.gates[0].side, "low"),
        ("loss.gates=()", lambda t: t.loss.gates, ()),
    ],
)
def test_a_value_takes_the_type_of_its_field(override, read, expected):
    value = read(apply_overrides(Tree(), [override]))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("steps", "is not path=value"),
        ("=5", "is not path=value"),
        ("loss.gates[x].ratio=1", "is not path=value"),
        ("loss..gates=1", "is not path=value"),
        ("step=5", "did you mean 'steps'"),
        ("loss.gate=5", "Loss has no field 'gate'; did you mean 'gates'? It has gates"),
        ("zzz=5", "It has steps, temperature"),
        ("steps=1.5", "steps takes an int, not '1.5'; it is 240 now"),
        ("steps=True", "takes an int"),
        ("steps=", "takes an int"),
        ("steps=__import__('os')", "takes an int"),
        ("temperature=hot", "temperature takes a float, not 'hot'; it is 1.0 now"),
        ("temperature=nan", "takes a float"),
        ("rescore=1", "takes true or false"),
        ("limit=1.5", "takes none or an int"),
        ("betas=0.9", "takes a tuple of a float"),
        ("betas=0.9,x", "takes a tuple of a float"),
        ("betas[2]=1", "has 2 entries, counted from 0, so there is no [2]"),
        ("steps[0]=1", "steps is 240, not a tuple"),
        ("steps.x=1", "steps is 240, which has no fields"),
        ("loss.gates[0].side=high", "takes 'both' or 'low', not 'high'"),
        ("loss.gates[9].ratio=1", "there is no [9]"),
        ("loss.gates=Gate()", "change it in a config file|value from a config file"),
        ("loss=3", "set one of its fields (loss.gates, ...)"),
        ("reward=3", "reward is None and cannot be set from text"),
    ],
)
def test_a_mistake_is_named_in_one_line(override, words):
    with pytest.raises(ValueError) as error:
        apply_overrides(Tree(), [override])
    assert any(word in str(error.value) for word in words.split("|")), error.value
    assert "\n" not in str(error.value)


def test_overrides_apply_from_left_to_right_and_leave_the_original_alone():
    tree = Tree()
    assert apply_overrides(tree, ["steps=1", "steps=2"]).steps == 2
    assert tree == Tree()


def test_flat_values_stand_at_their_paths_and_classes_are_named():
    flat = flatten(Tree())
    assert flat["__class__"] == "Tree"
    assert flat["loss.gates[1].__class__"] == "Gate"
    assert flat["loss.gates[1].ratio"] == 0.5
    assert flat["schedule.start"] == 1.0
    assert flat["betas[0]"] == 0.9
    assert flatten(Tree(loss=Loss(gates=())))["loss.gates"] == "()"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (jnp.float32(0.5), 0.5),
        (jnp.arange(2), "array([0, 1], int32)"),
        (float("inf"), "inf"),
        (Colour.RED, "RED"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (describe, "entropy_rl.overrides.describe"),
        (object(), "<object object>"),  # without its address, which differs in every process
        ({}, "{}"),
    ],
)
def test_a_flat_value_is_the_same_in_every_process(value, expected):
    assert flatten(Tree(reward=value))["reward"] == expected


def test_diff_names_what_changed_was_added_or_went():
    old = flatten(Tree())
    new = flatten(dataclasses.replace(Tree(), steps=241, loss=Loss(gates=(Gate(),))))
    assert diff(old, new) == ["steps"] + [
        f"loss.gates[1].{name}" for name in ("__class__", "ratio", "coefficient", "side")
    ]
    assert diff({"a": 1}, {"a": True}) == ["a"]
    assert diff({"a": 1}, {"a": 1.0}) == []


def test_diff_sees_another_method_in_the_same_place():
    assert "learning_rate.__class__" in diff(flatten(Tree()), flatten(Tree(learning_rate=Linear(1.0, 0.0, 10))))


def test_a_config_survives_json():
    flat = flatten(Tree(temperature=float("inf")))
    assert diff(json.loads(json.dumps(flat, allow_nan=False)), flat) == []
    nested = json.loads(json.dumps(to_json(Tree()), allow_nan=False))
    assert nested["loss"]["gates"][1] == {"__class__": "Gate", "ratio": 0.5, "coefficient": 1.0, "side": "both"}


def test_a_description_is_the_expression_that_makes_the_config():
    names = {"Tree": Tree, "Loss": Loss, "Gate": Gate, "Linear": Linear}
    assert eval(describe(Tree()), names) == Tree()
    assert eval(describe(Tree(), width=20), names) == Tree()
    assert max(map(len, describe(Tree(), width=60).splitlines())) <= 60
