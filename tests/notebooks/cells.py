"""Runs the cells of a notebook as a kernel would, without one."""

from __future__ import annotations

import ast
import json
import pathlib
from typing import Any

NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent.parent / "notebooks"


def read(name: str) -> dict[str, Any]:
    return json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())


def code(notebook: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(sources: list[str]) -> list[Any]:
    """The value of the last expression of each cell, None where it ends with something else."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [value(source, names, f"cell {place}") for place, source in enumerate(sources, 1)]


def value(source: str, names: dict[str, Any], place: str) -> Any:
    """The value of the last expression of one cell."""
    tree = ast.parse(source, place)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, place, "exec"), names)
    if last is None:
        return None
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), place, "eval"), names)


def page(shown: Any) -> str:
    """The HTML that a cell displays."""
    return shown._repr_html_()
