"""Text of people in Markdown: shown as it is. `tests/security/test_prefect_page.py` looks at it in Chromium."""

from __future__ import annotations

import re
import string

import pytest
from markdown_it import MarkdownIt

from tasks.markdown import JOINER, escaped, inert


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


@pytest.mark.parametrize(
    "text",
    [
        *("<img src=x onerror=alert(1)>", "[d](javascript:alert(2))", "[d][e]\n\n[e]: http://evil.example"),
        *("www.evil.example", "HTTPS://evil.example", "<http://evil.example>", "a@evil.example", "![x](y)"),
        *("&lt;img src=x&gt;", "<!-- x -->", "a < b & c [d]"),
    ],
)
def test_text_that_may_be_taken_as_markdown_brings_nothing_in(text: str) -> None:
    """It reads the same, and a library that makes HTML of it makes no tag, link or image."""
    shown = inert(text)
    assert shown.replace(JOINER, "") == text
    html = MarkdownIt("gfm-like").render(shown)
    assert re.findall(r"<(a|img|script)\b", html) == []
