"""Reads the gradient table out of a surrogate's docstring and works it out, so that the two cannot drift apart.

A table is a row of regions and a row of cells for each sign of the advantage. Cells and regions are arithmetic as the
literature writes it, a product by juxtaposition: "beta_low (1 - epsilon_low) A".
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

OPERATIONS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.USub: operator.neg,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.And: np.logical_and,
}
FUNCTIONS: dict[str, Callable] = {"clip": np.clip, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}


def columns(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def table(docstring: str) -> tuple[list[str], dict[int, list[str]]]:
    """The regions, and the cells of each sign of the advantage."""
    lines = docstring.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith("A > 0"))
    rows = {1: columns(lines[first])[1:], -1: columns(lines[first + 1])[1:]}
    regions = columns(lines[first - 1])
    if not lines[first + 1].strip().startswith("A < 0") or any(len(row) != len(regions) for row in rows.values()):
        raise ValueError(f"not a table:\n{docstring}")
    return regions, rows


def work_out(text: str, values: dict[str, Any]) -> Any:
    """The value of an expression of the tables; any other Python is refused."""
    product = re.sub(r"(?<=[\w)])(?<!and)(?<!or) (?=[\w(])(?!and )", " * ", text)

    def value(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body=body):
                return value(body)
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATIONS[type(op)](value(left), value(right))
            case ast.UnaryOp(op=op, operand=operand):
                return OPERATIONS[type(op)](value(operand))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return OPERATIONS[type(op)](value(left), value(right))
            case ast.BoolOp(op=op, values=[left, right]):
                return OPERATIONS[type(op)](value(left), value(right))
            case ast.Call(func=ast.Name(id=name), args=args):
                return FUNCTIONS[name](*map(value, args))
            case ast.Name(id=name):
                return values[name]
            case ast.Constant(value=number):
                return number
        raise ValueError(f"{text!r} is no expression of a gradient table")

    return value(ast.parse(product, mode="eval"))


def gradients(docstring: str, values: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """What the table says of each token, and the number of the cell (from 0, row by row) that says it.

    Later regions win where two hold; "inside" is where none does, "everywhere" holds always.
    """
    regions, rows = table(docstring)
    advantages = values["A"]
    region = np.full(advantages.shape, regions.index("inside") if "inside" in regions else 0)
    for number, text in enumerate(regions):
        if text not in ("inside", "everywhere"):
            region = np.where(work_out(text, values), number, region)
    found, cell = np.zeros(advantages.shape), np.full(advantages.shape, -1)
    for row, (sign, cells) in enumerate(rows.items()):
        for number, text in enumerate(cells):
            here = (np.sign(advantages) == sign) & (region == number)
            found = np.where(here, work_out(text, values), found)
            cell = np.where(here, row * len(regions) + number, cell)
    return found, cell
