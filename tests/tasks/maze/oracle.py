"""An independent maze checker and route finder, as slow and plain as can be; it shares nothing with the package."""

STEPS = {"U": (0, -1), "D": (0, 1), "L": (-1, 0), "R": (1, 0)}


def read(prompt):
    """Start, goal and walls as (column, row) of a prompt, from its text alone."""
    words = prompt.split(" ")
    assert words[2] == "#" and words[-1] == ">"
    cells = [(ord(word[0]) - ord("a"), int(word[1:]) - 1) for word in words[:2] + words[3:-1]]
    return cells[0], cells[1], set(cells[2:])


def routes(prompt, width, height, length):
    """Every sequence of exactly `length` moves that ends at the goal, found by trying all."""
    start, goal, walls = read(prompt)
    ends = {"": start}
    for _ in range(length):
        ends = {
            done + move: (x + dx, y + dy)
            for done, (x, y) in ends.items()
            for move, (dx, dy) in STEPS.items()
            if 0 <= x + dx < width and 0 <= y + dy < height and (x + dx, y + dy) not in walls
        }
    return {done for done, end in ends.items() if end == goal}


def fewest(prompt, width, height):
    """Moves of the shortest route; 99 if there is none within 12."""
    return next((length for length in range(13) if routes(prompt, width, height, length)), 99)


def is_right(prompt, width, height, text, length=None):
    """True if the text walks from start to goal, each move followed by the cell it leads to, in `length` moves."""
    (x, y), goal, walls = read(prompt)
    words = [word for word in text.split(" ") if word]
    if not words or len(words) % 2 or (length is not None and len(words) != 2 * length):
        return False
    for move, cell in zip(words[::2], words[1::2], strict=True):
        if move not in STEPS:
            return False
        x, y = x + STEPS[move][0], y + STEPS[move][1]
        if not (0 <= x < width and 0 <= y < height) or (x, y) in walls or cell != "abcdefghi"[x] + str(y + 1):
            return False
    return (x, y) == goal
