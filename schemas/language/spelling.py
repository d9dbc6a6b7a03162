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


def snake_case(name: str) -> str:
    """Return a name of several words as tables and boto3 have it: `transit_gateway` for `transitGateway`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def distance(word: str, other: str, most: int) -> int:
    """Return how many letters have to be put in, left out, replaced or swapped with the next one; `most` + 1 is enough.

    Source: Damerau and Levenshtein, optimal string alignment.
    """
    if abs(len(word) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(word, start=1):
        above, row = row, [at]
        for place, wanted in enumerate(other, start=1):
            cost = min(above[place] + 1, row[place - 1] + 1, above[place - 1] + (letter != wanted))
            if at > 1 and place > 1 and letter == other[place - 2] and word[at - 2] == wanted:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before = above
    return row[-1]


def misspelt(word: str, other: str) -> int | None:
    """Return the distance of two plain names where one may be the other misspelt; None where it may be another word.

    One letter of a name of five, two of a name of nine: "altitude" is no misspelt "latitude", "ipv4" no "ipv6".
    """
    shorter = min(len(word), len(other))
    most = 2 if shorter >= _LONG else 1
    if shorter < _SHORT or word[0] != other[0] or _DIGITS.findall(word) != _DIGITS.findall(other):
        return None
    found = distance(word, other, most)
    return found if found <= most else None


_SHORT, _LONG = 5, 9
_DIGITS = re.compile(r"[0-9]")


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


def near_misses(words: Iterable[str], choices: Iterable[str]) -> dict[str, str]:
    """Return for each word the choice that it is a misspelling of, word by word: "Hall A" is none of "Hall B"."""
    alike: dict[tuple[str, str], list[str]] = {}
    for choice in choices:
        alike.setdefault(_sort_of(choice), []).append(choice)
    found = {}
    for word in words:
        distances = {
            choice: far
            for choice in alike.get(_sort_of(word), ())
            if (far := _misspelling_distance(word, choice)) is not None
        }
        if distances:
            found[word] = min(distances, key=lambda choice: distances[choice])
    return found


def _sort_of(name: str) -> tuple[str, str]:
    """What a name has in common with its misspellings: its first letter and its digits."""
    return plain(name)[:1] or name[:1], "".join(_DIGITS.findall(name))


def _misspelling_distance(name: str, other: str) -> int | None:
    """Return the distance of two names where one may be the other misspelt; None where it may be another name."""
    if name.lower() == other.lower():
        return 0
    words, others = (re.split(r"[\W_]+", each.lower()) for each in (name, other))
    if len(words) != len(others):
        return misspelt(plain(name), plain(other))
    found = [misspelt(word, wanted) for word, wanted in zip(words, others, strict=True) if word != wanted]
    return None if None in found else sum(filter(None, found))


_LIKE = 0.5
"""Words that share fewer of their trigrams than this are not alike."""

# Trigrams that more choices share say little, and would compare each word with all of them.
_MOST_SHARED = 200


def nearest_of(words: Iterable[str], choices: Iterable[str]) -> dict[str, str]:
    """Return for each word the choice that shares most trigrams with it, where one does and no other as many.

    For many words and thousands of choices, where `nearest` would compare each with each. Words of other numbers are
    never alike: any number is like another.
    """
    grams = {choice: _trigrams(choice) for choice in choices}
    having: dict[str, list[str]] = {}
    for choice, parts in grams.items():
        for gram in parts:
            having.setdefault(gram, []).append(choice)
    found = {}
    for word in words:
        own = _trigrams(word)
        telling = (having[gram] for gram in own if len(having.get(gram, ())) in range(1, _MOST_SHARED))
        alike = {choice for choices in telling for choice in choices if _numbers(choice) == _numbers(word)}
        likeness = {each: 2 * len(own & grams[each]) / (len(own) + len(grams[each])) for each in alike}
        best = max(likeness.values(), default=0.0)
        chosen = [each for each, value in likeness.items() if value == best]
        if best >= _LIKE and len(chosen) == 1:
            found[word] = chosen[0]
    return found


@lru_cache(maxsize=1 << 14)
def _numbers(word: str) -> list[str]:
    return re.findall(r"\d+", word)


def _trigrams(word: str) -> frozenset[str]:
    padded = f"  {word.lower()} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))
