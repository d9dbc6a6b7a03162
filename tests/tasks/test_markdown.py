"""Text of people in Markdown: shown as it is. `tests/security/test_prefect_page.py` looks at it in Chromium."""

from __future__ import annotations

import string

import pytest

from tasks.markdown import escaped


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("vpcs 1", "vpcs 1"),
        ("a\n# b\r\n| c", "a \\# b \\| c"),
        ("<b>&lt;", "\\<b\\>\\&lt\\;"),
        ("back\\slash", "back\\\\slash"),
        ("http://x", "http\\:<!-- -->\\/\\/x"),
        ("WWW.x", "WWW<!-- -->\\.x"),
        ("a@x", "a\\@<!-- -->x"),
        ("a\0b", "a b"),
    ],
)
def test_what_has_a_meaning_is_escaped(text: str, markdown: str) -> None:
    """Signs, ends of lines, HTML, entities, and what would become a link by itself."""
    assert escaped(text) == markdown


def test_every_sign_is_escaped() -> None:
    """CommonMark lets all of ASCII's punctuation be escaped, whatever it means where."""
    signs = string.punctuation.replace("@", "")
    assert escaped(signs) == "".join(f"\\{sign}" for sign in signs)
