"""An independent Countdown checker and solver, as slow and plain as can be; it shares nothing with the package."""

import itertools
import operator

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def is_right(task, numbers, target, text):
    """True if the text solves the problem: reads the tokens one by one from a strict text."""
    if task.tokenization == "digit":
        for symbol in "+-*=,":
            text = text.replace(symbol, f" {symbol} ")
        tokens = text.split()
        if tokens[5::6] != [","] * len(tokens[5::6]) or len(tokens) % 6 != 5:
            return False
        tokens = [token for place, token in enumerate(tokens) if place % 6 != 5]
    else:
        tokens = text.split()
    if len(tokens) != 5 * (len(numbers) - 1):
        return False
    table = [str(number) for number in numbers]
    for left, symbol, right, equals, result in zip(*[iter(tokens)] * 5, strict=True):
        if symbol not in task.operators or equals != "=" or left not in table:
            return False
        table.remove(left)
        if right not in table:
            return False
        table.remove(right)
        value = OPERATORS[symbol](int(left), int(right))
        if str(value) != result or not 0 <= value <= task.max_intermediate:
            return False
        table.append(result)
    return table == [str(target)]


def values(task, numbers):
    """Every value of every expression over all the numbers, by splitting the ordered list in two, over all orders."""
    found = set()
    for order in set(itertools.permutations(numbers)):
        found |= _values_in_order(task, order)
    return found


def _values_in_order(task, order):
    if len(order) == 1:
        return {order[0]}
    found = set()
    for cut in range(1, len(order)):
        pairs = itertools.product(_values_in_order(task, order[:cut]), _values_in_order(task, order[cut:]))
        found |= {OPERATORS[symbol](a, b) for a, b in pairs for symbol in task.operators}
    return {value for value in found if 0 <= value <= task.max_intermediate}
