"""Spelling: names compared without case and punctuation, and what a misspelt one was probably meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from itertools import takewhile


@lru_cache(maxsize=1 << 14)
def plain(name: str) -> str:
    """Return a name without case, spaces and punctuation."""
    return _PUNCTUATION.sub("", name.lower())


_PUNCTUATION = re.compile(r"[^a-z0-9]")


def nearest(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the choice most like a word, if any is as like it as `cutoff` (0 to 1).

    Of two that are equally like it, the one of the same letters (`vcp` → `vpc`), then the one that begins like it
    (`us-eest-1` → `us-east-1`).
    """
    spelt = {choice.lower(): choice for choice in choices}
    lower = word.lower()

    def likeness(choice: str) -> tuple[float, bool, int]:
        together = takewhile(lambda pair: pair[0] == pair[1], zip(choice, lower, strict=False))
        ratio = SequenceMatcher(None, choice, lower).ratio()
        return round(ratio, 6), sorted(choice) == sorted(lower), len(list(together))

    found = max(get_close_matches(lower, spelt, n=5, cutoff=cutoff), key=likeness, default=None)
    return spelt[found] if found is not None else None
