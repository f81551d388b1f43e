"""The shape of a secret, and a stand-in of that shape.

Rules ask how long a value is, which characters it has and where its parts end, never what it is. So this much of a
secret is kept: ``x{8}-x{4}`` for its letters and digits, as runs, between the marks that structure it, and which kinds
of letters there are. A stand-in has the same shape and nothing else in common with the secret; the same seed gives the
same stand-in, so that what was equal stays equal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import cycle, islice

MARKS = frozenset("-._~+/=:%| ")
"""Marks that structure a value, and are kept where they stand. Of any other only its sort is kept."""
CLASSES = {"0-9": "0123456789", "a-f": "abcdef", "g-z": "ghijklmnopqrstuvwxyz", "A-F": "ABCDEF",
           "G-Z": "GHIJKLMNOPQRSTUVWXYZ"}  # fmt: skip
"""The kinds of letters and digits; hexadecimal digits are told from others."""
VISIBLE, CONTROL, INVISIBLE = "!", "\x7f", "\u00e9"
"""What stands for a visible ASCII character that is no mark, for a control character, and for any other character."""
LONGEST = 1 << 20
"""Characters; no stand-in is made longer, whatever a file says."""
PERIOD = 4096
"""Letters of a stand-in that are drawn; a longer one repeats them."""
_ALNUM = re.compile(r"[0-9A-Za-z]+")
_RUN = re.compile(r"x\{([0-9]{1,8})\}")


def shape_of(value: str) -> tuple[str, tuple[str, ...]]:
    """The shape of a value, and the classes of its letters and digits."""
    pieces, end = [], 0
    for run in _ALNUM.finditer(value):
        pieces += [_marks(value[end : run.start()]), f"x{{{len(run[0])}}}"]
        end = run.end()
    used = set(value)
    letters = tuple(name for name, members in CLASSES.items() if used & set(members))
    return "".join((*pieces, _marks(value[end:]))), letters


def stand_in(shape: str, letters: tuple[str, ...], seed: str) -> str:
    """A value of this shape, made of nothing but the seed."""
    members = [CLASSES[name] for name in letters if name in CLASSES] or [CLASSES["g-z"]]
    numbers, every = _numbers(seed), "".join(members)
    total = min(sum(int(length) for length in _RUN.findall(shape)), LONGEST)
    # Each class once, as far as there is room; what follows is drawn from all of them, and repeats itself at length.
    drawn = [one[next(numbers) % len(one)] for one in members[:total]]
    drawn += [every[next(numbers) % len(every)] for _ in range(min(total, PERIOD) - len(drawn))]
    order = sorted(range(total), key=lambda _: next(numbers)) if total <= 64 else range(len(drawn))
    letter = islice(cycle([drawn[at] for at in order] or [""]), total)
    return _RUN.sub(lambda run: "".join(islice(letter, min(int(run[1]), LONGEST))), shape)


def _marks(text: str) -> str:
    return "".join(map(_mark, text))


def _mark(one: str) -> str:
    if one in MARKS:
        return one
    if "!" <= one <= "~":
        return VISIBLE
    return CONTROL if (one < " " and one != "\t") or one == CONTROL else INVISIBLE


def _numbers(seed: str) -> Iterator[int]:
    block = hashlib.sha256(seed.encode()).digest()
    while True:
        yield from (int.from_bytes(block[at : at + 2], "big") for at in range(0, 32, 2))
        block = hashlib.sha256(block).digest()
