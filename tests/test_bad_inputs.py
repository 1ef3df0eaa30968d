"""What users get wrong is answered in one sentence, before anything is compiled or written."""

from __future__ import annotations

import pathlib

import pytest
from absl import app, flags

from entropy_rl import train
from tests import flagsaver

HEADER = """
import dataclasses
from configs import countdown_grpo
from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.config import *
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.gspo import GspoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.ops.schedules import Linear, WarmupCosine
from entropy_rl.rewards.combine import WeightedSum
from entropy_rl.rewards.format import Format
from entropy_rl.tasks.countdown import Countdown

BASE = countdown_grpo.get_config()

class Unchecked(Countdown):
    def validate(self):
        pass

class NoData(Unchecked):
    def size(self, split):
        return 0

class NoTest(Unchecked):
    def size(self, split):
        return {"train": None, "validation": 192, "test": 0}[split]

class Undemonstrated(Unchecked):
    demonstration = property()

def get_config():
    return dataclasses.replace(BASE, {change})
"""


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch):
    """What is let through by mistake fails at once."""
    monkeypatch.setattr("entropy_rl.training.loop.open_session", None)


def answer(workdir: pathlib.Path | str, config: str = "countdown_grpo", sets: tuple[str, ...] = ()) -> str:
    """What `python -m entropy_rl.train` says before it leaves: a usage error has no traceback."""
    flags.FLAGS.mark_as_parsed()
    with (
        flagsaver.flagsaver(config=config, workdir=str(workdir), set=list(sets), allow_change=[], print_config=False),
        pytest.raises(app.UsageError) as error,
    ):
        train.main(["train"])
    return str(error.value)


def config_file(folder: pathlib.Path, change: str) -> str:
    path = folder / "mine.py"
    path.write_text(HEADER.replace("{change}", change))
    return str(path)


FIELDS = [
    # override, what the answer says: the value and the rule
    ("step=5", "no field 'step'; did you mean 'steps'?"),
    ("steps", "is not path=value"),
    ("steps=1.5", "steps takes an int, not '1.5'"),
    ("steps=0", "steps is 0; it must be at least 1"),
    ("seed=-1", "seed is -1; it must be"),
    ("name[0]=a", "not a tuple"),
    ("optimizer.learning_rate=-1", "learning_rate is -1.0"),
    ("optimizer.learning_rate=nan", "takes a float, not 'nan'"),
    ("optimizer.beta1=1.0", "beta1 is 1.0"),
    ("optimizer.weight_decay=-0.1", "weight_decay is -0.1"),
    ("optimizer.max_gradient_norm=0", "max_gradient_norm is 0.0"),
    ("rollout.prompts=63", "rollout.prompts = 63 do not split into update.mini_batches = 4"),
    ("rollout.pieces=3", "rollout.prompts = 64 do not split into rollout.pieces = 3; choose a divisor"),
    ("rollout.prompts=0", "rollout.prompts is 0; it must be at least 1"),
    ("rollout.responses=0", "rollout.responses is 0; it must be at least 1"),
    ("rollout.temperature=0", "rollout.temperature is 0.0; it must be a finite number > 0"),
    ("rollout.temperature=inf", "rollout.temperature is inf; it must be a finite number > 0"),
    ("update.mini_batches=0", "update.mini_batches is 0"),
    ("update.micro_batches=3", "does not split into update.micro_batches = 3; choose a divisor"),
    ("update.rescore=1", "takes true or false, not '1'"),
    ("mesh.data=3", "does not fit 1 devices"),
    ("mesh.tensor=0", "mesh.tensor is 0; it must be at least 1, or -1"),
    ("policy.vocab_size=5", "policy.vocab_size = 5 is smaller than the tokenizer's"),
    ("policy.heads=3", "policy.heads = 3 query heads do not split over policy.kv_heads = 2"),
    ("policy.head_width=7", "policy.head_width is 7"),
    ("policy.compute_dtype=float16", "choose 'float32' or 'bfloat16'"),
    ("init.steps=0", "init.steps is 0"),
    ("init.learning_rate=inf", "init.learning_rate is inf"),
    ("init=RandomWeights", "change it in a config file"),
    ("evaluation.problems=1000", "evaluation.problems = 1000, but the validation split has 192 problems"),
    ("evaluation.test_problems=1000", "but the test split has 240 problems"),
    ("evaluation.samples=0", "evaluation.samples is 0"),
    ("evaluation.every=-1", "evaluation.every is -1"),
    ("checkpoint.every=0", "checkpoint.every is 0"),
    ("checkpoint.keep=0", "checkpoint.keep is 0"),
    ("task.max_value=0", "max_value=0 must be an integer in 1..999"),
    ("task.tokenization=letter", "takes 'number' or 'digit', not 'letter'"),
    ("task.operators=/", "operators=('/',) holds an unknown one"),
    ("task.validation_problems=100000", "validation_problems=100000 is more than"),
    ("advantages.ddof=2", "GroupNormalized.ddof is 2; choose one of 0, 1"),
    ("loss.covariance_logprobs=olds", "covariance_logprobs is 'olds'; write 'current' or 'old'"),
    ("loss.surrogate.epsilon_low=1.5", "epsilon_low is 1.5, but it must lie in [0, 1]"),
]


@pytest.mark.parametrize(("override", "words"), FIELDS, ids=[override for override, _ in FIELDS])
def test_a_field_that_cannot_be_is_refused(tmp_path, override, words):
    said = answer(tmp_path / "run", sets=(override,))
    assert words in said and "\n" not in said
    assert not (tmp_path / "run").exists()


METHODS = [
    ("countdown_clip_cov", "loss.gates[0].fraction=0.5", "fraction is 0.5, but it must lie in [0, 0.01]"),
    ("countdown_clip_cov", "loss.gates[0].omega_low=6", "omega_low 6.0 is not below omega_high 5.0"),
    (
        "countdown_clip_cov",
        "loss.gates[0].side=up",
        "ClipCov.side is 'up'; choose one of 'both', 'positive', 'negative'",
    ),
    ("countdown_clip_cov", "loss.gates[3].fraction=0.1", "has 1 entries, counted from 0, so there is no [3]"),
    ("countdown_kl_cov", "loss.penalties[0].coefficient=-1", "a negative one would reward drift"),
    ("countdown_kl_cov", "loss.penalties[0].estimator=k9", "estimator is 'k9'; choose one of"),
]


@pytest.mark.parametrize(("preset", "override", "words"), METHODS, ids=[override for _, override, _ in METHODS])
def test_a_method_out_of_its_range_is_refused(tmp_path, preset, override, words):
    assert words in answer(tmp_path / "run", preset, (override,))


FILES = [
    ("loss=PolicyLoss(ClippedSurrogate(), penalties=KlCov())", "penalties=(Method(),)"),
    ("loss=PolicyLoss(ClippedSurrogate(), penalties=(KlCov,))", "write an instance: Method()"),
    ("loss=PolicyLoss(GspoSurrogate())", "use SequenceMean()"),
    ("loss=PolicyLoss(ClippedSurrogate(), penalties=(KlCov(Linear(0.01, 0.001, 0)),))", "Linear.steps is 0"),
    ("optimizer=AdamW(WarmupCosine(1e-3, 0.0, 10, 5))", "WarmupCosine.steps is 5, within its warm-up of 10"),
    ("reward=WeightedSum(())", "give at least one term"),
    ("reward=Format('(')", "is no regular expression"),
    ("init=FromRun('')", "init.path is empty"),
    ("init=FromRun('/no/such/run')", "holds no checkpoint; give the --workdir of a training run"),
    ("task=NoData()", "the train split of NoData is empty"),
    ("task=NoTest()", "the test split of NoTest is empty"),
    ("task=Undemonstrated(test_problems=240)", "has no demonstrations; use FromRun or RandomWeights"),
    ("stepz=3", "unexpected keyword argument 'stepz'"),
]


@pytest.mark.parametrize(("change", "words"), FILES, ids=[change for change, _ in FILES])
def test_a_config_file_that_cannot_be_is_refused(tmp_path, change, words):
    said = answer(tmp_path / "run", config_file(tmp_path, change))
    assert words in said and "\n" not in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is neither a file nor a preset"),
        ("x = 1\n", "has no get_config()"),
        ("def get_config():\n    return None\n", "it must return a Config"),
        ("def get_config():\n    return 1 / 0\n", "line 2, raised ZeroDivisionError"),
        ("def get_config(:\n", "line 1, is not Python"),
    ],
)
def test_a_config_file_that_is_none_is_refused(tmp_path, text, words):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    assert words in answer(tmp_path / "run", str(path))


def test_a_workdir_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file; give a folder" in answer(tmp_path / "file")
    assert "is a file; give a folder" in answer(tmp_path / "file" / "run")
    assert "--workdir is missing" in answer("")


def test_a_workdir_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere
    assert "may not be written to" in answer(tmp_path / "run")


def test_a_run_to_start_from_lists_its_steps_when_one_is_missing(tmp_path):
    (tmp_path / "old" / "checkpoints" / "20").mkdir(parents=True)
    said = answer(tmp_path / "run", config_file(tmp_path, f"init=FromRun({str(tmp_path / 'old')!r}, step=7)"))
    assert "init.step = 7" in said and "the steps [20]" in said


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', '{"flat": 3}'])
def test_a_damaged_config_of_a_workdir_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    said = answer(tmp_path)
    assert "config.json is damaged" in said and "--allow_change=all" in said


def test_unexpected_arguments_are_refused():
    with pytest.raises(app.UsageError, match="a field is changed with --set"):
        train.main(["train", "steps=3"])
