"""Text of people in Markdown: file names, messages and cells are shown as they are, and bring no markup in."""

from __future__ import annotations

import re
import string

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")

# Prefect's page makes links of these even where their signs are escaped; a comment, which it does not show, parts them.
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_PARTED = "\0"


def escaped(text: object) -> str:
    """Return text that Markdown shows as it is, on one line and without links: every sign with a meaning is escaped."""
    line = _ADDRESS.sub(_PARTED, " ".join(str(text).replace(_PARTED, " ").split()))
    return _PUNCTUATION.sub(r"\\\g<0>", line).replace(_PARTED, "<!-- -->")


JOINER = "\u2060"
"""Unicode's word joiner: nobody sees it, and it parts two signs."""

_BEGINNING = re.compile(
    r"(?<=<)(?=[A-Za-z/!?])|(?<=\])(?=[(\[:])|(?<=&)(?=[#A-Za-z])|" + _ADDRESS.pattern, re.IGNORECASE
)


def inert(text: str) -> str:
    """Return text that reads the same as it is and as Markdown, where it brings no tag, link, image or entity in.

    Of Prefect's two pages, the older takes the cells of a table as Markdown; the newer shows them as they are.
    """
    return _BEGINNING.sub(JOINER, text)
