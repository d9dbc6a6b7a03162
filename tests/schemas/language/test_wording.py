"""Wording that messages share."""

from __future__ import annotations

from schemas.language.wording import some_of, validation_message


def test_a_list_is_cut_short() -> None:
    """The first texts are named, and the others counted; a short list is whole."""
    assert some_of(["a", "b"]) == "a, b"
    assert some_of(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert some_of(["a"], 1, total=2_001, separator="; ") == "a and 2,000 more"
    assert some_of([]) == ""


def test_a_message_of_a_validator_is_plain() -> None:
    """The exception that it was raised as is not a part of it."""
    assert validation_message("Value error, write a count") == "write a count"
    assert validation_message("Input should be a valid string") == "Input should be a valid string"
