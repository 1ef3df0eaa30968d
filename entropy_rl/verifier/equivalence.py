"""Whether two answers say the same: by their structure, and expression by expression below it."""

from __future__ import annotations

from collections.abc import Sequence

from entropy_rl.verifier import intervals
from entropy_rl.verifier.naming import (
    as_quotient,
    assigned,
    is_collection,
    is_definition,
    is_name,
    named,
    of_one_stem,
    same_stem,
)
from entropy_rl.verifier.nodes import (
    Based,
    Call,
    Constant,
    Group,
    Node,
    Number,
    Relation,
    TooLarge,
    Unparsable,
    add,
    children,
    contains,
    signature,
    symbols,
)
from entropy_rl.verifier.scalars import Scalars, of_reference, proportional

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TWO_VALUED = ("plusminus", "minusplus")


def difference(reference: Node, response: Node, scalars: Scalars) -> str:
    """Nothing if the answers are equal, else what is different, in a few words.

    Raises:
      Undecidable: if the reference cannot be worked out.
      TooLarge, Undefined, Inconclusive: if the response cannot.
    """
    return _compare(_expanded(reference), _expanded(response), scalars)


def _expanded(node: Node) -> Node:
    """Both values of an answer with a plus-minus sign, as a list."""
    if not contains(node, *_TWO_VALUED):
        return node
    if isinstance(node, Group) and node.kind in ("list", "set"):
        items = [part for item in node.items for part in _variants(item)]
        return Group(node.kind, tuple(items), node.joint)
    return Group("list", tuple(_variants(node)), "or")


def _variants(node: Node) -> list[Node]:
    return [_with_sign(node, upper) for upper in (True, False)] if contains(node, *_TWO_VALUED) else [node]


def _with_sign(node: Node, upper: bool) -> Node:
    if isinstance(node, Call):
        arguments = tuple(_with_sign(each, upper) for each in node.arguments)
        if node.name in _TWO_VALUED:
            return arguments[0] if (node.name == "plusminus") == upper else Call("negative", arguments)
        return Call(node.name, arguments)
    if isinstance(node, Group):
        return Group(node.kind, tuple(_with_sign(each, upper) for each in node.items), node.joint)
    if isinstance(node, Relation):
        return Relation(node.signs, tuple(_with_sign(each, upper) for each in node.sides))
    return node


def _compare(reference: Node, response: Node, scalars: Scalars) -> str:
    reference, response = _single(reference), _single(response)
    ours, theirs = _member(reference), _member(response)
    if (ours or theirs) and not (ours and theirs and ours[0] != theirs[0]):
        return _compare(ours[1] if ours else reference, theirs[1] if theirs else response, scalars)
    if (ours := of_one_stem(reference)) and (theirs := of_one_stem(response)) and same_stem(ours, theirs):
        return _unordered(ours[1], theirs[1], scalars)
    if isinstance(reference, Based) and isinstance(response, Based):
        return "" if reference == response else "another number, or another base"
    if isinstance(reference, Based) or isinstance(response, Based):
        return "" if _digits(reference) == _digits(response) != "" else "another number, or another base"
    if isinstance(reference, Relation) and isinstance(response, Relation):
        return _relations(reference, response, scalars)
    if _is_modulo(reference) or _is_modulo(response):
        return _residues(reference, response, scalars)
    if _is_region(reference) or _is_region(response):
        return _regions(reference, response)
    if isinstance(reference, Relation) or isinstance(response, Relation):
        return _value_and_equation(reference, response, scalars)
    if (names := named(reference)) and not named(response):
        return _in_order(names, reference, response, scalars)
    if (names := named(response)) and isinstance(reference, Group) and reference.kind == "()":
        return _in_order(names, response, reference, scalars, swapped=True)
    if is_collection(reference) or is_collection(response):
        if not (is_collection(reference) and is_collection(response)):
            return "a different number of answers"
        return _unordered(children(reference), children(response), scalars)
    reference, response = as_quotient(reference, response), as_quotient(response, reference)
    if isinstance(reference, Group) or isinstance(response, Group):
        return _groups(reference, response, scalars)
    return "" if scalars.equal(reference, response) else "a different value"


def _is_modulo(node: Node) -> bool:
    return isinstance(node, Group) and node.kind == "modulo"


def _residues(reference: Node, response: Node, scalars: Scalars) -> str:
    """7 (mod 12) against 19 (mod 12), or against 7."""
    ours = children(reference) if _is_modulo(reference) else (reference, None)
    theirs = children(response) if _is_modulo(response) else (response, None)
    if ours[1] is None or theirs[1] is None:
        return _compare(ours[0], theirs[0], scalars)
    if why := _compare(ours[1], theirs[1], scalars):
        return f"another modulus: {why}"
    return _compare(ours[0], theirs[0], scalars)


def _single(node: Node) -> Node:
    """What a list or set of one holds."""
    while isinstance(node, Group) and node.kind in ("list", "set") and len(node.items) == 1:
        node = node.items[0]
    return node


def _member(node: Node) -> tuple[str, Node] | None:
    """The variable and the set of "x in {1, 2}", where the set is one that can be listed."""
    if isinstance(node, Relation) and node.signs == ("in",) and is_name(node.sides[0]):
        return (signature(node.sides[0]), node.sides[1]) if is_collection(node.sides[1]) else None
    return None


def _digits(node: Node) -> str:
    """Digits and base; a number without base may stand for digits in the other's base."""
    if isinstance(node, Based):
        return node.digits
    is_whole = isinstance(node, Number) and node.value.denominator == 1 and node.value.numerator.bit_length() < 4000
    return str(node.value) if is_whole and node.places is None else ""  # type: ignore[union-attr]


def _is_region(node: Node) -> bool:
    """A set of real numbers that is more than one pair of brackets."""
    if isinstance(node, Relation):
        return not set(node.signs) <= {"="}
    if isinstance(node, Group) and node.kind == "list" and node.joint in ("or", "and"):
        return all(map(_is_region, node.items))
    if isinstance(node, Group):
        return node.kind in ("union", "difference", "(]", "[)")
    return node == Constant("reals")


def _regions(reference: Node, response: Node) -> str:
    try:
        name, truth = of_reference(intervals.intervals, reference)
        other, given = intervals.intervals(response)
    except Unparsable as error:
        same = reference == response
        return "" if same else f"not the same set: {error}"
    if name and other and name != other:
        return f"a condition on {other}, not on {name}"
    return "" if intervals.same(truth, given) else "a different set of numbers"


def _value_and_equation(reference: Node, response: Node, scalars: Scalars) -> str:
    """x = 5 against 5, either way round; 1 + 2 = 3 as a response against 3."""
    if isinstance(reference, Relation):
        sides = assigned(reference)
        return "an equation is asked for" if sides is None else _compare(sides[-1], response, scalars)
    assert isinstance(response, Relation)
    sides = assigned(response)
    if sides is None and set(response.signs) == {"="} and not symbols(response):
        sides = response.sides
    if sides is None:
        return "an equation is not a value"
    for side in sides:
        if why := _compare(reference, side, scalars):
            return why
    return ""


def _relations(reference: Relation, response: Relation, scalars: Scalars) -> str:
    reference, response = _shortened(reference, scalars), _shortened(response, scalars)
    if reference == response:
        return ""
    if max(len(reference.signs), len(response.signs)) > 1 or "in" in reference.signs + response.signs:
        return _regions(reference, response)
    if is_definition(reference, response):  # y = 2x + 1 and f(x) = 2x + 1
        return _compare(reference.sides[1], response.sides[1], scalars)
    sign, other = reference.signs[0], response.signs[0]
    ours, theirs = _both(reference, response)
    if ours is None or theirs is None:
        return _sides(reference, response, scalars)
    factor = proportional(ours, theirs)
    if not factor:
        return "a different condition"
    if factor < 0:
        other = _FLIPPED.get(other, other)
    return "" if sign == other else "a different relation"


def _shortened(node: Relation, scalars: Scalars) -> Relation:
    """y = a = b with equal a and b is y = b."""
    count = len(node.sides)
    if count < 3 or set(node.signs) != {"="}:
        return node
    if count > 6:
        raise TooLarge("a chain of more than six sides")
    last = node.sides[-1]
    equal = all(not _compare(side, last, scalars) for side in node.sides[1:-1])
    return Relation(("=",), (node.sides[0], last)) if equal else node


def _both(reference: Relation, response: Relation) -> tuple[Node | None, Node | None]:
    """left - right of both; None where a side is no expression."""
    found: list[Node | None] = []
    for relation in (reference, response):
        left, right = relation.sides
        plain = not any(
            isinstance(side, (Group, Relation, Based)) or contains(side, "infinity") for side in (left, right)
        )
        found.append(add(left, Call("negative", (right,))) if plain else None)
    return found[0], found[1]


def _sides(reference: Relation, response: Relation, scalars: Scalars) -> str:
    """Relations between things that cannot be subtracted."""
    if reference.signs != response.signs:
        return "a different relation"
    for ours, theirs in zip(reference.sides, response.sides, strict=True):
        if why := _compare(ours, theirs, scalars):
            return why
    return ""


def _groups(reference: Node, response: Node, scalars: Scalars) -> str:
    """Tuples, intervals, ratios and matrices."""
    if not (isinstance(reference, Group) and isinstance(response, Group)):
        return "one value where several are asked for, or the reverse"
    kinds = {reference.kind, response.kind}
    if "matrix" in kinds and len(kinds) == 2:
        reference, response = _vector(reference), _vector(response)
    elif len(kinds) == 2 and (kinds != {"()", "[]"} or len(reference.items) == 2):
        return "other brackets, or another kind of answer"
    if len(reference.items) != len(response.items):
        return f"{len(response.items)} entries, not {len(reference.items)}"
    if reference.kind == "ratio":
        return _ratio(reference, response, scalars)
    for place, (ours, theirs) in enumerate(zip(reference.items, response.items, strict=True), 1):
        nested = isinstance(ours, Group) and ours.kind == "list"  # a row of a matrix
        why = _groups(ours, theirs, scalars) if nested else _compare(ours, theirs, scalars)
        if why:
            return f"entry {place} differs: {why}"
    return ""


def _vector(node: Group) -> Group:
    """A matrix of one row or column as a tuple."""
    rows = [children(row) for row in node.items] if node.kind == "matrix" else []
    if len(rows) == 1:
        return Group("()", tuple(rows[0]))
    if rows and all(len(row) == 1 for row in rows):
        return Group("()", tuple(row[0] for row in rows))
    return node


def _ratio(reference: Group, response: Group, scalars: Scalars) -> str:
    """a : b = c : d if a d = b c."""
    first, other = reference.items[0], response.items[0]
    for ours, theirs in zip(reference.items[1:], response.items[1:], strict=True):
        if not scalars.equal(Call("mul", (first, theirs)), Call("mul", (other, ours))):
            return "a different ratio"
    return ""


def _in_order(names: list[str], named: Node, values: Node, scalars: Scalars, swapped: bool = False) -> str:
    """x = 2, y = 3 against (2, 3), or against 2, 3."""
    if isinstance(values, Relation) or any(isinstance(item, Relation) for item in children(values)):
        return "other variables"
    assigned = [item.sides[-1] for item in children(named) if isinstance(item, Relation)]
    if isinstance(values, Group) and values.kind == "()":
        order = sorted(range(len(names)), key=names.__getitem__)
        assigned = [assigned[place] for place in order]
    ours, theirs = Group("()", tuple(assigned)), Group("()", tuple(children(values)))
    return _groups(theirs, ours, scalars) if swapped else _groups(ours, theirs, scalars)


def _unordered(reference: Sequence[Node], response: Sequence[Node], scalars: Scalars) -> str:
    if len(reference) != len(response):
        return f"{len(response)} answers, not {len(reference)}"
    left, missing = list(response), 0
    for ours in reference:
        place = next((place for place, theirs in enumerate(left) if not _compare(ours, theirs, scalars)), None)
        if place is None:
            missing += 1
        else:
            del left[place]
    return f"{missing} of {len(reference)} answers are wrong" if missing else ""
