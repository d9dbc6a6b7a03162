"""Spelling: near misses among thousands of names."""

from __future__ import annotations

import pytest

from schemas.language.spelling import near_misses, nearest_of

NAMES = ("Berlin", "Frankfurt 1", "Frankfurt 2", "HQ", "HQ/100", "Zürich 2")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("Berlni", "Berlin"),
        ("frankfrut 1", "Frankfurt 1"),
        ("Zurich 2", "Zürich 2"),
        ("Frankfurt", None),
        ("Frankfurt 3", None),
        ("HQ/200", None),
        ("Paris", None),
        ("", None),
    ],
)
def test_the_nearest_of_many(word: str, near: str | None) -> None:
    """It shares most trigrams; a name of another number is none, nor is one of two that are equally like it."""
    assert nearest_of([word], NAMES).get(word) == near


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("Frankfrut 1", "Frankfurt 1"),
        ("berlin", "Berlin"),
        ("Belrin", "Berlin"),
        ("Bern", None),
        ("Frankfurt 3", None),
        ("Hall B", None),
        ("Building South", None),
        ("Zurich 2", "Zürich 2"),
        ("大阪", None),
        ("", None),
    ],
)
def test_a_misspelt_name(word: str, near: str | None) -> None:
    """Each of its words is the other's, or that misspelt; a letter or a number more is another name."""
    assert near_misses([word], [*NAMES, "Hall A", "Building North", "東京"]).get(word) == near


def test_many_words_at_once() -> None:
    """Thousands of words and names take no longer than a moment."""
    names = [f"site {number:05} of the north" for number in range(20_000)]
    words = [f"site {number:05} of teh north" for number in range(0, 20_000, 20)]
    found = nearest_of(words, names)
    assert all(found.get(word, name) == name for word, name in zip(words, names[::20], strict=True))
