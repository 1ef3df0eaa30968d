"""Finds a configuration by the path of its file, or by its name among the presets that come with the package."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import pathlib
import sys
import traceback
import types
from collections.abc import Iterator
from typing import TypeVar

from entropy_rl.config import Config
from entropy_rl.study import Study

Value = TypeVar("Value", Config, Study)

_PACKAGE = "configs"
_STUDIES = "lab"  # their folder among the presets
_HERE = pathlib.Path(__file__).resolve().parent


def presets_folder() -> pathlib.Path:
    """Where the presets are: inside the package in a wheel, beside it in the repository."""
    inside = _HERE / "configs"
    return inside if inside.is_dir() else _HERE.parent / "configs"


def preset_names() -> list[str]:
    """Every name that `load_config` knows, in alphabetical order."""
    return sorted(path.stem for path in presets_folder().glob("*.py") if not path.stem.startswith("_"))


def study_names() -> list[str]:
    """Every name that `load_study` knows, in alphabetical order."""
    folder = presets_folder() / _STUDIES
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load_study(spec: str) -> Study:
    """The study that a file's `get_study()` returns; its imports are those of `load_config`.

    Args:
      spec: the path of a .py file, or the name of one in configs/lab/.

    Raises:
      ValueError: that names the file and what is wrong with it.
    """
    return _load(_find(spec, study_names(), presets_folder() / _STUDIES), "get_study", Study)


def load_config(spec: str) -> Config:
    """The configuration that a file's `get_config()` returns.

    In a config file the package `configs` is the file's own folder and, behind it, the presets: `from configs import
    countdown_grpo` holds in a clone, in a wheel, and in a file of the user's anywhere. Files are run anew each time.

    Args:
      spec: the path of a .py file, or the name of a preset.

    Raises:
      ValueError: that names the file and what is wrong with it.
    """
    return _load(_find(spec, preset_names(), presets_folder()), "get_config", Config)


def _load(path: pathlib.Path, function: str, kind: type[Value]) -> Value:
    with _configs_package([str(path.parent), str(presets_folder())]):
        try:
            get = getattr(_run(path), function, None)
            found = get() if callable(get) else None
        except Exception as error:  # the file is the user's: it may raise anything
            raise ValueError(_where(path, error)) from error
    if not callable(get):
        raise ValueError(f"{path} has no {function}(); define a function of that name that returns a {kind.__name__}")
    if not isinstance(found, kind):
        raise ValueError(f"{function}() of {path} returned a {type(found).__name__}; it must return a {kind.__name__}")
    return found


def _find(spec: str, names: list[str], folder: pathlib.Path) -> pathlib.Path:
    if not spec:
        raise ValueError(f"--config is empty; give a .py file or one of {', '.join(names)}")
    if spec in names:
        return folder / f"{spec}.py"
    path = pathlib.Path(spec).expanduser()
    if path.suffix == ".py" and path.is_file():
        return path.resolve()
    if path.is_dir():
        raise ValueError(f"--config={spec} is a folder; give one of its .py files")
    if path.is_file():
        raise ValueError(f"--config={spec} is not a Python file; its name must end in .py")
    near = difflib.get_close_matches(path.stem, names, n=3, cutoff=0.5)
    known = f"the nearest presets are {', '.join(near)}" if near else f"the presets are {', '.join(names) or 'none'}"
    raise ValueError(f"--config={spec} is neither a file nor a preset; {known}")


@contextlib.contextmanager
def _configs_package(folders: list[str]) -> Iterator[None]:
    """While it lasts, `configs` is a fresh package that spans these folders; afterwards it is what it was."""

    def members() -> dict[str, types.ModuleType]:
        return {name: module for name, module in sys.modules.items() if name.split(".")[0] == _PACKAGE}

    before = members()
    for name in before:
        del sys.modules[name]
    package = types.ModuleType(_PACKAGE)
    package.__path__ = folders
    sys.modules[_PACKAGE] = package
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for name in members():
            del sys.modules[name]
        sys.modules.update(before)


def _run(path: pathlib.Path) -> types.ModuleType:
    name = f"{_PACKAGE}.{path.stem.replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses defined in the file look themselves up here
    spec.loader.exec_module(module)
    return module


def _where(path: pathlib.Path, error: Exception) -> str:
    """The file, the line in it that failed, and how."""
    if isinstance(error, SyntaxError):
        return f"{error.filename or path}, line {error.lineno}, is not Python: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = f", line {lines[-1]}," if lines else ""
    return f"{path}{line} raised {type(error).__name__}: {error}"
