"""The map names every method, and every method's file answers what the map sends a reader there for."""

from __future__ import annotations

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "entropy_rl"
MAP = (PACKAGE / "controls" / "README.md").read_text()
NO_SLOT_LINE = {"advantages"}  # an estimator's slot is its folder


def methods() -> list[tuple[str, ast.ClassDef]]:
    """The public callable classes of the three folders: what a config may hold."""
    found = []
    for folder in ("controls", "losses", "advantages"):
        for path in sorted((PACKAGE / folder).glob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if not isinstance(node, ast.ClassDef) or path.stem in ("policy_loss", "aggregation"):
                    continue
                if any(isinstance(item, ast.FunctionDef) and item.name == "__call__" for item in node.body):
                    found.append((folder, node))
    return found


METHODS = pytest.mark.parametrize(("folder", "node"), methods(), ids=lambda value: getattr(value, "name", ""))


@METHODS
def test_the_map_names_every_method(folder, node):
    assert f"`{node.name}`" in MAP


@METHODS
def test_a_method_states_its_source_its_slot_and_what_it_does_to_entropy(folder, node):
    docstring = ast.get_docstring(node) or ""
    wanted = ["Source:", "Entropy:"] + ([] if folder in NO_SLOT_LINE else ["Slot:"])
    assert [heading for heading in wanted if heading not in docstring] == []


def test_the_map_names_nothing_that_is_not_there():
    known = {node.name for _, node in methods()}
    first_cells = [line.split("|")[1] for line in MAP.splitlines() if line.startswith("| `")]
    named = {name for cell in first_cells for name in cell.split("`")[1::2] if not name.endswith(".py")}
    assert named <= known
