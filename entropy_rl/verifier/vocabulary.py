"""The words that answers are written in: functions, constants, units, numbers."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


FUNCTIONS = {
    **{name: name for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "exp", "ln")},
    **{name: name for name in ("log", "floor", "ceil", "abs", "max", "min", "gcd", "lcm")},
    **{f"a{short}{name}": f"arc{name}" for name in ("sin", "cos", "tan", "cot") for short in ("", "rc")},
    **{"lg": "log10", "sgn": "sign", "ceiling": "ceil", "Re": "re", "Im": "im"},
}  # fmt: skip
CONSTANTS = {
    **{"pi": "pi", "Pi": "pi", "infty": "infinity", "infinity": "infinity", "inf": "infinity", "oo": "infinity"},
    **{"emptyset": "empty", "varnothing": "empty"},
}
GREEK = frozenset(
    _words(
        "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
        "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega ell hbar"
    )
)
RELATIONS = {
    **{"=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "==": "="},
    **{"le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "lt": "<", "gt": ">"},
    **{"ne": "!=", "neq": "!=", "in": "in", "colon": ":", "equiv": "="},
}
NAMED = {**FUNCTIONS, "sqrt": "sqrt", "cbrt": "cbrt", **CONSTANTS, **dict.fromkeys(GREEK, "")}
# Longest first, so that "sinh" is not "sin" and an "h".
NAMES_BY_LENGTH = sorted((name for name in NAMED if len(name) > 1), key=len, reverse=True)

_NUMERALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety"
NUMERALS = {
    **{word: value for value, word in enumerate(_words(_NUMERALS))},
    **{word: 10 * tens for tens, word in enumerate(_words(_TENS), 3)},
}
SCALES = {
    **{"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12},
}
# Words that change what a number means; with one of them beside it, it is a text.
MEANINGFUL = frozenset(SCALES).union(
    _words(
        "not no and or than minus plus times over half third quarter least most about more less fewer approximately "
        "between from to up under per each except without negative point if unless only nor neither either both "
        "almost nearly around double twice triple thrice squared cubed root ago "
        "tenth fifth fourth sixth seventh eighth ninth hundredth thousandth millionth halve pair couple below "
        "above zero factorial choose power modulo mod base false wrong incorrect impossible"
    )
)

# Each family of units, with the factor to its first member; None: no other name for it.
_FAMILIES: tuple[dict[str, float | int | tuple[int, int]], ...] = (
    {"m": 1, "cm": (1, 100), "mm": (1, 1000), "km": 1000, "dm": (1, 10), "nm": (1, 10**9)},
    {"ft": 1, "inch": (1, 12), "yard": 3, "mile": 5280},
    {"g": 1, "kg": 1000, "mg": (1, 1000), "tonne": 10**6},
    {"lb": 1, "oz": (1, 16)},
    {"L": 1, "mL": (1, 1000)},
    {"s": 1, "min": 60, "h": 3600, "day": 86400, "week": 604800, "ms": (1, 1000)},
    {"dollar": 1, "cent": (1, 100)},
    {"euro": 1},
    {"pound sterling": 1},
    {"degree": 1},
    {"percent": 1},
    {"unit": 1},
    {"mph": 1},
    {"m/s": 1, "km/h": (5, 18)},
    {"year": 1, "month": (1, 12)},
    {"K": 1}, {"J": 1, "kJ": 1000}, {"N": 1}, {"W": 1, "kW": 1000}, {"Pa": 1, "kPa": 1000}, {"V": 1}, {"A": 1},
    {"Hz": 1, "kHz": 1000}, {"mol": 1}, {"eV": 1}, {"C": 1}, {"am": 1}, {"pm": 1}, {"rad": 1},
)  # fmt: skip
UNITS = {name: (family, factor) for family, members in enumerate(_FAMILIES) for name, factor in members.items()}
ALIASES = {
    **{"meter": "m", "metre": "m", "centimeter": "cm", "centimetre": "cm", "millimeter": "mm", "millimetre": "mm"},
    **{"kilometer": "km", "kilometre": "km", "foot": "ft", "feet": "ft", "in": "inch", "inche": "inch", "yd": "yard"},
    **{"mi": "mile", "gram": "g", "kilogram": "kg", "milligram": "mg", "kilo": "kg", "pound": "lb", "lbs": "lb"},
    **{"ounce": "oz", "liter": "L", "litre": "L", "l": "L", "ml": "mL", "milliliter": "mL", "millilitre": "mL"},
    **{"second": "s", "sec": "s", "minute": "min", "hour": "h", "hr": "h", "hrs": "h", "usd": "dollar"},
    **{"buck": "dollar"},
    **{"¢": "cent", "$": "dollar"},
    **{"€": "euro", "£": "pound sterling", "%": "percent", "pct": "percent", "deg": "degree", "miles per hour": "mph"},
    **{"yr": "year", "a.m": "am", "p.m": "pm", "radian": "rad", "kmh": "km/h", "kph": "km/h", "joule": "J"},
    **{"newton": "N", "watt": "W", "volt": "V", "kelvin": "K", "pascal": "Pa", "hertz": "Hz", "mole": "mol"},
}  # fmt: skip
# Single letters that are units behind a number and a space: "5 m".
LETTERS = frozenset("msghLNJWVKCF")
# Texts that are mathematics: the normal form of each, and how it is written.
WRITTEN = {"no solution": r"\emptyset", "all real numbers": r"\mathbb{R}"}
# Texts that say the same.
SYNONYMS = {
    **dict.fromkeys(("dne", "doesnotexist", "doesntexist"), "does not exist"),
    **dict.fromkeys(
        (
            "nosolution",
            "nosolutions",
            "norealsolution",
            "norealsolutions",
            "emptyset",
            "none",
            "thereisnosolution",
            "therearenosolutions",
            "norealroots",
            "noroots",
        ),
        "no solution",
    ),
    **dict.fromkeys(("infinitelymany", "infinitelymanysolutions", "infinite solutions"), "infinitely many"),
    **dict.fromkeys(("allrealnumbers", "allreals"), "all real numbers"),
}
