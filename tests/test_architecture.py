"""Holds the floors of the house and the rules of style that a parser can see; each is shown to bite, at the end."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "entropy_rl"
MODULES = sorted((REPOSITORY / PACKAGE).rglob("*.py"))
PYTHON_FILES = sorted(
    path for folder in (PACKAGE, "configs", "tests", "benchmarks") for path in (REPOSITORY / folder).rglob("*.py")
)

CONFIGURATION = (
    "config",
    "overrides",
    "presets",
    "study",
    "mistakes",
    "references",
    "compatibility",
    "inits",
    "phases",
    "wording",
)
FLOORS = {
    **dict.fromkeys(("types", "ops", "problem", "absent", "checks", "verifier"), 0),
    **dict.fromkeys(("advantages", "closed_loop", "controls", "lab", "losses", "rewards", "tasks"), 1),
    **dict.fromkeys(("models", "parallel", "tabular"), 2),
    "rollout": 3,
    **dict.fromkeys(CONFIGURATION, 4),
    "training": 5,
}
ENTRY_POINTS = 6  # every other module directly in the package
ONE_ROOM = [{"types", "ops"}, {"problem", "verifier"}, set(CONFIGURATION)]  # rooms of a floor that may see each other
WITHOUT_JAX = ("absent", "problem", "rewards", "tasks", "verifier")
JAX = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}
FORBIDDEN_CALLS = {"eval", "exec", "sympify", "parse_expr", "print", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "torch", "tensorflow"}
# The user's own reward function travels from the trainer to its workers: never a file, never what a policy wrote.
ALLOWED_MODULES = {
    "entropy_rl.rewards.pool.travel": {"cloudpickle"},
    "entropy_rl.rewards.pool.worker": {"cloudpickle"},
}
# Written in two halves, so that this file is not one that holds them.
INDEX_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb.debian", "org"),
        ("conda.anaconda", "org"),
        ("proxy.golang", "org"),
    )
]


def room(module: str) -> str:
    """The part of the package that a module belongs to: `entropy_rl.losses.clip` is in `losses`."""
    return module.split(".")[1] if "." in module else ""


def module_name(path: pathlib.Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, module: str, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Every module that a tree imports, anywhere in it, with its line; `from a import b` counts as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = module.split(".")
                above = above[: len(above) - node.level + is_package]
                source = ".".join([*above, source] if source else above)
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def wrong_imports(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module imports and, by its floor, must not."""
    here, wrong = room(module), []
    for line, target in imported(ast.parse(source), module, is_package):
        top = target.split(".")[0]
        if top == "configs" or top == "tests":
            wrong.append(f"{module}:{line} imports {target}: nothing in the package knows of {top}")
        if here == "problem" and top != "__future__" and top not in sys.stdlib_module_names:
            wrong.append(f"{module}:{line} imports {target}: problem is standard library only")
        if here in WITHOUT_JAX and top in JAX:
            wrong.append(f"{module}:{line} imports {target}: {here} is host side, without JAX")
        if top in FORBIDDEN_MODULES - ALLOWED_MODULES.get(module, set()):
            wrong.append(f"{module}:{line} imports {target}, which is never used here")
        if top == PACKAGE and here and room(target) and (reason := wrong_direction(here, room(target))):
            wrong.append(f"{module}:{line} imports {target}: {reason}")
    return wrong


def wrong_direction(here: str, there: str) -> str:
    """Why `here` may not import `there`, or nothing."""
    floor, other = FLOORS.get(here, ENTRY_POINTS), FLOORS.get(there, ENTRY_POINTS)
    if here == there or any({here, there} <= rooms for rooms in ONE_ROOM):
        return ""
    if here == "lab" and there != "problem":
        return "lab reads saved metrics and knows nothing of ours but problem"
    if here in WITHOUT_JAX and there not in WITHOUT_JAX:
        return f"{there} brings JAX to the host side"
    if other > floor:
        return f"floor {floor} may not look up to floor {other}"
    if other == floor:
        return f"both stand on floor {floor}"
    return ""


def forbidden_code(source: str) -> list[str]:
    """Calls that are never made, and handlers that catch everything without saying why."""
    lines, wrong = source.splitlines(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", None)
            method = getattr(node.func, "attr", None)
            if called in FORBIDDEN_CALLS or method in {"sympify", "parse_expr"}:
                wrong.append(f"line {node.lineno}: {called or method}()")
        elif isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = any(kind is None or getattr(kind, "id", "") in {"Exception", "BaseException"} for kind in caught)
            reraises = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
            if broad and not reraises and not re.search(r"#(\W+\w+){3}", lines[node.lineno - 1]):
                wrong.append(f"line {node.lineno}: catches everything; say why behind a # on that line")
    return wrong


def long_functions(source: str, most: int = 50) -> list[str]:
    """Functions whose body, docstring aside, has more than `most` lines."""
    wrong = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            if length > most:
                wrong.append(f"{node.name}, line {node.lineno}: {length} lines")
    return wrong


def names(path: pathlib.Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_imports_point_down_only(path: pathlib.Path):
    assert not wrong_imports(module_name(path), path.read_text(), path.name == "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_nothing_is_evaluated_printed_or_silently_caught(path: pathlib.Path):
    assert not forbidden_code(path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_and_its_functions_are_short(path: pathlib.Path):
    source = path.read_text()
    assert source.count("\n") <= 350
    assert not long_functions(source)


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_says_what_it_is(path: pathlib.Path):
    source = path.read_text()
    assert not source.strip() or ast.get_docstring(ast.parse(source))


def test_every_folder_of_the_package_has_a_floor():
    folders = {path.name for path in (REPOSITORY / PACKAGE).iterdir() if (path / "__init__.py").exists()}
    assert not folders - set(FLOORS)


def test_test_files_are_short_too():
    assert not [names(path) for path in PYTHON_FILES if path.read_text().count("\n") > 350]


def tracked_files() -> list[pathlib.Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git clone")
    return [path for line in listed.stdout.splitlines() if (path := REPOSITORY / line).is_file()]


def test_no_file_holds_the_address_of_a_package_index():
    hosts = re.compile("|".join(map(re.escape, INDEX_HOSTS)).encode())
    assert not [names(path) for path in tracked_files() if hosts.search(path.read_bytes())]


def test_the_lock_holds_names_and_versions_only():
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    assert len(lines) > 50
    assert not [line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[A-Za-z0-9.+!]+", line)]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("entropy_rl.losses.clip", "from entropy_rl.controls.clip_cov import ClipCov"),  # the same floor
        ("entropy_rl.losses.clip", "from ..controls import clip_cov"),
        ("entropy_rl.ops.masked", "from entropy_rl import losses"),  # up
        ("entropy_rl.config", "import entropy_rl.training.loop"),
        ("entropy_rl.training.loop", "def f():\n    from entropy_rl import train"),  # up, and hidden in a function
        ("entropy_rl.lab.law", "from entropy_rl.ops import masked"),
        ("entropy_rl.tasks.countdown", "import jax.numpy as jnp"),
        ("entropy_rl.rewards.shaping", "from entropy_rl.types import Rollout"),  # brings JAX with it
        ("entropy_rl.problem", "import numpy as np"),
        ("entropy_rl.train", "import pickle"),
        ("entropy_rl.rewards.scoring", "import cloudpickle"),  # the pool alone may
        ("entropy_rl.rewards.pool.pool", "import pickle"),
        ("entropy_rl.verifier.verify", "import jax"),
        ("entropy_rl.verifier.verify", "from entropy_rl.rewards.reward import Completion"),  # up
        ("entropy_rl.train", "from configs import countdown_grpo"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str):
    assert wrong_imports(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("entropy_rl.losses.policy_loss", "from entropy_rl.ops import covariance\nfrom entropy_rl.types import Array"),
        ("entropy_rl.losses.clip", "from . import unclipped"),
        ("entropy_rl.ops.masked", "from entropy_rl.types import Array"),
        ("entropy_rl.presets", "from entropy_rl.config import Config"),
        ("entropy_rl.lab.law", "import numpy as np\nfrom entropy_rl.problem import Role"),
        ("entropy_rl.report", "from entropy_rl.lab import law"),
        ("entropy_rl.rewards.pool.worker", "import cloudpickle"),
        ("entropy_rl.tasks.maths", "from entropy_rl.verifier import verify_answer"),
    ],
)
def test_a_right_import_is_left_alone(module: str, source: str):
    assert not wrong_imports(module, source)


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "print('x')",
        "sympy.sympify(text)",
        "sympy.parsing.sympy_parser.parse_expr(text)",
        "try:\n    x\nexcept Exception:\n    pass",
        "try:\n    x\nexcept:\n    pass",
        "try:\n    x\nexcept (ValueError, Exception):  # noqa: BLE001\n    pass",  # does not say why
        "try:\n    x\nexcept BaseException as e:\n    raise ValueError from e",
    ],
)
def test_forbidden_code_is_found(source: str):
    assert forbidden_code(source)


def test_a_broad_handler_that_says_why_is_allowed():
    assert not forbidden_code(
        "try:\n    x\nexcept Exception:  # noqa: BLE001: a config file may raise anything\n    pass"
    )


def test_a_function_body_of_fifty_one_lines_is_too_long():
    body = "    x = 1\n"
    assert not long_functions('def f():\n    """Docstrings are not counted."""\n' + 50 * body)
    assert long_functions("def f():\n" + 51 * body)
