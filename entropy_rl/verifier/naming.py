"""What an answer gives a name to: x = 5, AB = 4, x_1 = 2 and x_2 = 3, y = 2x + 1."""

from __future__ import annotations

from entropy_rl.verifier.exact import NotExact, rational
from entropy_rl.verifier.nodes import (
    Call,
    Group,
    Node,
    Number,
    Relation,
    Symbol,
    TooLarge,
    Undefined,
    children,
    symbols,
)

Values = tuple[str, list[Node], set[str]]  # the stem x of x_1 and x_2, their values, and the names as written


def is_collection(node: Node) -> bool:
    return isinstance(node, Group) and node.kind in ("list", "set")


def assigned(node: Relation) -> tuple[Node, ...] | None:
    """The values of "x = a" or "x = a = b"; None if it is no such chain, or x depends on itself."""
    first, *rest = node.sides
    if set(node.signs) != {"="} or not is_name(first):
        return None
    return None if any(symbols(first) & symbols(side) for side in rest) else tuple(rest)


def is_name(node: Node) -> bool:
    """A variable, a tuple of variables, a segment such as AB, its length |AB|, or a ratio of such."""
    if isinstance(node, Group):
        if node.kind == "ratio":
            return all(is_name(item) and not isinstance(item, Group) for item in node.items)
        return node.kind == "()" and all(isinstance(item, Symbol) for item in node.items)
    if isinstance(node, Call) and node.name in ("abs", "inverse"):
        return is_name(node.arguments[0]) and all(name[0].isupper() for name in symbols(node))
    if isinstance(node, Call) and node.name == "mul":
        return all(is_name(each) and all(name[0].isupper() for name in symbols(each)) for each in node.arguments)
    return isinstance(node, Symbol)


def of_one_stem(node: Node) -> Values | None:
    """x and the values of "x_1 = 2, x_2 = 3", "x = 2 or x = 3" and "x = 2, 3"; and the names as written."""
    items = children(node) if is_collection(node) else ()
    names, values = [], []
    for item in items:
        sides = assigned(item) if isinstance(item, Relation) else (item,)
        if sides is None or len(sides) != 1 or (isinstance(item, Relation) and not isinstance(item.sides[0], Symbol)):
            return None
        names += [item.sides[0].name] if isinstance(item, Relation) and isinstance(item.sides[0], Symbol) else []
        values.append(sides[0])
    stems = {name.partition("_")[0] for name in names}
    is_named = len(stems) == 1 and bool(items) and isinstance(next(iter(items)), Relation)
    return (stems.pop(), values, set(names)) if is_named else None


def same_stem(ours: Values, theirs: Values) -> bool:
    """Whether two lists name the same unknown and at most one of them numbers its values."""
    return ours[0] == theirs[0] and 1 in (len(ours[2]), len(theirs[2]))


def named(node: Node) -> list[str]:
    """The variables of "x = 2, y = 3" if they are different ones; they give its values an order."""
    items = node.items if isinstance(node, Group) and node.kind in ("list", "set") else ()
    names = [
        item.sides[0].name
        for item in items
        if isinstance(item, Relation) and isinstance(item.sides[0], Symbol) and assigned(item) is not None
    ]
    return names if len(names) == len(items) > 1 and len(set(names)) == len(names) else []


def is_definition(ours: Relation, theirs: Relation) -> bool:
    """Whether one says y = ... and the other f(x) = ..."""
    names = [node.sides[0].name for node in (ours, theirs) if isinstance(node.sides[0], Symbol)]
    both = ours.signs == theirs.signs == ("=",) and len(names) == 2
    return both and "y" in names and not {*names} - {"y", "f(<x>)", "g(<x>)", "h(<x>)"}


def as_quotient(node: Node, other: Node) -> Node:
    """1 : 2 beside a fraction is 1/2; 5 : 1 is not 5."""
    is_ratio = isinstance(node, Group) and node.kind == "ratio" and len(node.items) == 2
    if is_ratio and isinstance(other, (Number, Call)) and not is_whole(other):
        return Call("mul", (children(node)[0], Call("inverse", (children(node)[1],))))
    return node


def is_whole(node: Node) -> bool:
    try:
        return rational(node).denominator == 1
    except (NotExact, TooLarge, Undefined):
        return False
