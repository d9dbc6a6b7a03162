"""Hypothesis strategies: records of a type with values that its fields accept."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Any

from hypothesis import strategies as st

from schemas.model.fields import Spec
from schemas.model.resource import Resource
from tasks.values.cell_text import EMPTY_WORDS


def is_word(text: str) -> bool:
    """Say whether text is a word for "empty": a text field keeps it, with a warning each time it is read."""
    return text.lower() in EMPTY_WORDS


def normal(text: str) -> str:
    """Return text as an import stores it: composed letters, no space around it, one space at a time."""
    return re.sub("  +", " ", unicodedata.normalize("NFC", text)).strip()


# What a record may hold: no control characters but line ends and tabs, nothing that does not show, one kind of space;
# surrounding space is not data; XML, and so a workbook, has neither U+FFFE nor U+FFFF.
ANY_TEXT = (
    st.text(
        st.characters(
            codec="utf-8",
            exclude_categories=["Cs", "Cc", "Cf", "Zs"],
            include_characters="\n\t\r ",
            exclude_characters="\ufffe\uffff",
        ),
        min_size=1,
        max_size=30,
    )
    .map(normal)
    .filter(lambda text: text and not is_word(text))
)
# What a cell may hold: an apostrophe before what looks like a formula is a guard, which reading takes away.
TEXT = ANY_TEXT.filter(lambda text: not re.match(r"'+[=+\-@\t\r]", text))
# What files are likeliest to lose: signs of their own grammars, formulas, guards, and what looks like another kind.
STARTS = (
    *(
        "=",
        "+",
        "-",
        "@",
        "'",
        "''=",
        "'@",
        '"',
        '""',
        "\\",
        "#",
        "a,b",
        "a;b",
        "a=b",
        "[",
        "two\nlines",
        "a\r\nb",
        "a\tb",
    ),
    *("null", "NULL", "nan", "true", "[]", "{}", '{"a": 1}', "007", "1e5", "1.0", "_x000D_", "é–日", "a\u2028b"),
)
NASTY_TEXT = st.builds(
    lambda start, rest: normal(f"{start}{rest}"), st.sampled_from(STARTS), ANY_TEXT | st.just("")
).filter(lambda text: not is_word(text))
V4 = st.builds(
    lambda address, length: str(ipaddress.ip_network((address, length), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(16, 28),
)
IDS = st.text("0123456789abcdef", min_size=17, max_size=17)


def values(spec: Spec, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values that a field accepts, by its kind."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "text": text,
        "boolean": st.booleans(),
        "integer": st.integers(1, 4000),
        # Nine places are kept.
        "number": st.integers(-80 * 10**9, 80 * 10**9).map(lambda whole: whole / 10**9),
        "asn": st.integers(64_512, 65_534),
        "account": st.from_regex(r"\A[0-9]{12}\Z"),
        "cidr": V4,
        "cidrs": st.lists(V4, min_size=1, max_size=3),
        "inet": st.ip_addresses(v=4).map(str),
        "tags": st.dictionaries(text, text, min_size=1, max_size=4),
        "enum": st.sampled_from(spec.choices or ("",)),
    }
    return kinds.get(spec.kind.name, st.nothing())


@st.composite
def records(draw: st.DrawFn, resource: Resource, ids: str, text: st.SearchStrategy[str] = TEXT) -> list[dict[str, Any]]:
    """Records of a type with distinct keys and any optional fields."""
    numbers = draw(st.lists(IDS, min_size=1, max_size=8, unique=True))
    found = []
    for number in numbers:
        record: dict[str, Any] = {resource.key[0]: f"{ids}{number}"}
        for name, spec in resource.fields.items():
            matched = any(check.name == "str_matches" for check in resource.schema.columns[name].checks)
            strategy = st.just(spec.example) if spec.kind.name == "text" and matched else values(spec, text)
            if name == resource.key[0] or strategy.is_empty:
                continue
            if spec.required or draw(st.booleans()):
                record[name] = draw(strategy)
        found.append(record)
    return found
