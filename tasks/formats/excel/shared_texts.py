"""The text that cells share: each cell that names a shared text has a copy of it in memory."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence

import polars as pl

from schemas.errors import SourceError
from tasks.formats.base import Source
from tasks.formats.excel.parts import Part, as_series, ends_inside_a_tag

# What the cells of any workbook may hold, and what those of a larger one may for each byte of its parts, each shared
# text as often as it is used.
_TEXT, _TEXT_PER_BYTE = 256 << 20, 8

# The bytes of the shortest cell with a shared text, `<c t="s"><v>0</v></c>`, and some to spare.
_SHORTEST_CELL = 16

# No list of texts has a longer item.
_LONGEST_ITEM = 8 << 20

_SHARED_PART = "sharedstrings.xml"
_END = b"</si>"

_IS_SHARED = r"""\bt\s*=\s*["']s["']"""
_OTHERS = r"""(?:\s+[^\s<>="'/]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))*\s*"""
_SHARED_INDEX = _IS_SHARED + _OTHERS + r">\s*<(?:\w+:)?v>([0-9]{1,9})</(?:\w+:)?v>\s*</"


def most_text(size: int) -> int:
    """Return how many bytes of text the cells of a workbook may hold whose parts have `size` bytes."""
    return max(_TEXT, _TEXT_PER_BYTE * size)


def refuse_text(source: Source, used: int, most: int) -> None:
    """Raise SourceError where cells hold more than `most` bytes of text."""
    if used > most:
        raise SourceError(
            f"{source.name} uses long texts over and over: its cells hold more than {most >> 20:,} MB, many "
            "times as much as the file. Save the sheet as CSV, or shorten them.",
            limit=most,
        )


def refuse_repeated_texts(source: Source, parts: Sequence[Part]) -> None:
    """Refuse a workbook whose cells use long texts over and over; raises SourceError."""
    lists = [_SharedTexts(part) for part in parts if part.name.endswith(_SHARED_PART)]
    size = sum(part.size for part in parts)
    most = most_text(size)
    longest = max((shared.longest() for shared in lists), default=0)
    if longest * (size // _SHORTEST_CELL) <= most:
        return
    cells = sum(raw.count(b'"s"') + raw.count(b"'s'") for part in parts for raw in part.texts())
    if longest * cells <= most:
        return
    lengths = _lengths(lists)
    used = 0
    for part in parts:
        for raw in part.texts():
            used += _used(as_series(raw), lengths, longest)
            refuse_text(source, used, most)


class _SharedTexts:
    """The list of shared texts in a part."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def longest(self) -> int:
        """Return the bytes of the longest item, at most; raises SourceError where their number is no true one."""
        longest = before = 0
        for raw in self._plain():
            if raw is None:
                longest = self._part.size
                continue
            items = list(map(len, raw.split(_END)))
            items[0] += before
            longest = max(longest, *items)
            before = items[-1]
        return longest

    def lengths(self) -> array[int] | None:
        """Return the bytes of each item; None where what is no plain list of them makes their order uncertain."""
        lengths = array("Q")
        held = b""
        for raw in self._plain():
            if raw is None:
                return None
            *items, held = (held + raw).split(_END)
            if not lengths and items and not _LIST.search(items[0].partition(b"<si>")[0]):
                return None
            if len(held) > _LONGEST_ITEM or any(item.count(b"<si>") != 1 for item in items):
                return None
            lengths.extend(map(len, items))
        return lengths

    def _plain(self) -> Iterator[bytes | None]:
        """Yield the text, its tags without a prefix; None where the end of an item may be hidden, or seem to be one."""
        prefix: bytes | None = None
        for number, raw in enumerate(self._part.texts()):
            self._check_declared(raw)
            text = raw if number else _DECLARATION.sub(b"", raw)
            if prefix is None and (found := _LIST.search(text)):
                prefix = found[1]
            if prefix:
                if _END in text:
                    yield None
                text = text.replace(b"<" + prefix + b"si>", b"<si>").replace(b"</" + prefix + b"si>", _END)
            text = text.replace(b"<si/>", b"<si></si>")
            yield None if ends_inside_a_tag(text) or as_series(text).str.contains(_HIDES).item() else text

    def _check_declared(self, raw: bytes) -> None:
        """Calamine makes room for as many texts as a list says that it has."""
        if b"uniqueCount" in raw and any(int(count) > self._part.size for count in _UNIQUE.findall(raw)):
            raise self._part.damaged("it says that it has more texts than it can have")


_UNIQUE = re.compile(rb"uniqueCount\s*=\s*[\"'][^1-9\"']*([0-9]{1,30})")
_LIST = re.compile(rb"<((?:[^\s<>/:]+:)?)sst[\s>]")
_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml[^<>?]*\?>")
_QUOTED = r"""(?:"[^"<>]*"|'[^'<>]*')"""
# Comments, sections, other ends and beginnings of items, and values of attributes with what may be a tag.
_HIDES = (
    r"<[!?]|</?[^\s<>/]*:si[\s/>]|</?si[^>]"
    rf"""|<[^<>"'!?]*(?:{_QUOTED}[^<>"']*)*(?:"[^"<>]*|'[^'<>]*)[<>]"""
)


def _lengths(lists: Sequence[_SharedTexts]) -> pl.Series:
    """The bytes of each shared text; none where their order is uncertain."""
    found = lists[0].lengths() if len(lists) == 1 else None
    return pl.Series(found or (), dtype=pl.UInt64)


def _used(text: pl.Series, lengths: pl.Series, longest: int) -> int:
    """The bytes of the shared texts that cells name; of those whose text is not plain, the longest."""
    cells = int(text.str.count_matches(_IS_SHARED).item())
    if not cells:
        return 0
    indexes = text.str.extract_all(_SHARED_INDEX).explode().drop_nulls().str.extract(r">([0-9]+)<").cast(pl.UInt32)
    indexes = indexes.filter(indexes < len(lengths))
    return int(lengths.gather(indexes).sum()) + (cells - len(indexes)) * longest
