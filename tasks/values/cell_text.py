"""Cells: the text of a column as its writer meant it, before it is read as a value of a field."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from schemas.issues import Severity
from schemas.job_options.read_options import ReadOptions
from schemas.language.remedies import option
from schemas.mapping import Measure
from schemas.model.kinds.kind import Kind, each
from schemas.model.kinds.numbers import ASN, INTEGER, NUMBER
from schemas.model.kinds.text import TEXT

EMPTY_WORDS = frozenset(("null", "noobject", "n/a", "#n/a", "none", "-", "–", "—"))
"""What stands for an empty cell, in lower case: of databases, Nautobot's exports, spreadsheets and AWS's console."""


@dataclass(frozen=True)
class Note:
    """An issue of cells: `where` is true for them, and `text` continues after their value."""

    rule: str
    where: pl.Series
    text: pl.Series | str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class Cells:
    """The text of one column, null where it is empty or can't be read, and what to report of it.

    `before` is the text as the source has it.
    """

    before: pl.Series
    text: pl.Series
    errors: tuple[Note, ...] = ()
    repairs: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()


# Signs that do not show -----------------------------------------------------------------------------------------------

# Zero-width space, marks of direction, joiners of words, soft hyphens and byte order marks (Unicode, General Category
# Cf): what people copy along without seeing it.
_UNSEEN = "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
# Joiners belong to Persian, to the scripts of India and to emoji, and not to what is Latin on either side.
_JOINERS = ((r"([\x00-\x{24f}])[\x{200c}\x{200d}]+", "$1"), (r"[\x{200c}\x{200d}]+([\x00-\x{24f}]|$)", "$1"))
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}]"
_SPACES = r"[\x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]"


def is_clean(values: pl.Series) -> bool:
    """Say whether a column holds printable ASCII and no two spaces in a row; it takes next to no time."""
    whole = values.str.join("|").item() or ""
    return whole.isascii() and whole.isprintable() and "  " not in whole


def normalized(values: pl.Series, *, fold: bool) -> pl.Series:
    """Return text in Unicode's form NFC without signs that do not show, each kind of space as a plain one.

    With `fold`, several spaces in a row are one, as in names and keys.
    """
    text = values.str.replace_all(f"[{_UNSEEN}]", "")
    for pattern, kept in _JOINERS:
        text = text.str.replace_all(pattern, kept)
    text = text.str.replace_all(_SPACES, " ").str.normalize("NFC")
    return (text.str.replace_all("  +", " ") if fold else text).str.strip_chars()


def has_control(values: pl.Series) -> pl.Series:
    """Say which texts hold control characters other than tabs and the ends of lines."""
    return values.str.contains(_CONTROL).fill_null(value=False)


def without_control(values: pl.Series) -> pl.Series:
    """Return text to be shown, with a sign for each control character."""
    return values.str.replace_all(_CONTROL, "\N{REPLACEMENT CHARACTER}")


# Empty cells ----------------------------------------------------------------------------------------------------------


def _in_all_cases(words: Sequence[str]) -> list[str]:
    return sorted({spelt for word in words for spelt in (word, word.lower(), word.upper(), word.capitalize())})


_WORDS = _in_all_cases([*EMPTY_WORDS, "NoObject"])


def is_empty_word(values: pl.Series, kind: Kind) -> pl.Series:
    """Say which texts are words for an empty cell that are no value of a kind."""
    return values.is_in(_words_but(kind.choices)).fill_null(value=False)


@cache
def _words_but(choices: tuple[str, ...]) -> list[str]:
    taken = {choice.lower() for choice in choices}
    return [word for word in _WORDS if word.lower() not in taken]


# Numbers --------------------------------------------------------------------------------------------------------------

_WHOLE = (INTEGER.name, ASN.name)
_NUMBERS = (*_WHOLE, NUMBER.name)
# A number with one sign between a few digits and three: of thousands, or of decimals.
_TWO_READINGS = r"^[+-]?\d{1,3}[.,]\d{3}$"
_NOTHING_AFTER_ZERO = r"^[+-]?0[.,]000$"


def _grouped_number_pattern(sign: str, least: int = 1) -> str:
    return rf"^[+-]?\d{{1,3}}(?:{re.escape(sign)}\d{{3}}){{{least},}}"


def is_number(kind: Kind) -> bool:
    """Say whether a kind is one of numbers."""
    return kind.name in _NUMBERS


def plain_numbers(values: pl.Series, kind: Kind, options: ReadOptions) -> pl.Series:
    """Return numbers without the signs between thousands, with a point before decimals, where that is sure."""
    if not values.str.contains(r"[.,'’ ]").any():
        return values
    decimal = "," if options.decimal_comma or options.thousands == "." else "."
    rest = rf"(?:{re.escape(decimal)}\d+)?$" if kind.name == NUMBER.name else r"(?:[.,]0+)?$"
    given = options.thousands or ("." if options.decimal_comma else None)
    once = ["'", "’", " ", *([given] if given else [])]
    several = [] if given else [".", ","]
    for sign, least in [*((sign, 1) for sign in once), *((sign, 2) for sign in several)]:
        tail = rest if sign != "." or decimal == "," else "$"
        where = values.str.contains(_grouped_number_pattern(sign, least) + tail).fill_null(value=False)
        if where.any():
            values = values.str.replace_all(sign, "", literal=True).zip_with(where, values)
    if decimal == ",":
        values = values.str.replace(r"^([+-]?\d+),(\d+)$", "$1.$2")
    return values


def has_two_readings(values: pl.Series, kind: Kind, options: ReadOptions) -> pl.Series:
    """Say which whole numbers have a sign that may be one of thousands or of decimals, where nobody says which."""
    if kind.name not in _WHOLE or options.decimal_comma or options.thousands:
        return values.is_null() & False
    ambiguous = values.str.contains(_TWO_READINGS) & ~values.str.contains(_NOTHING_AFTER_ZERO)
    return ambiguous.fill_null(value=False)


def readings(values: pl.Series, kind: Kind) -> pl.Series:
    """Return what is to be said of numbers with two readings."""

    def shown(text: str) -> str:
        sign = "." if "." in text else ","
        head, _, tail = text.partition(sign)
        other = head if not int(tail) else f"{head}.{tail}"
        if kind.name == ASN.name and sign == ".":
            other = f"{int(head) * 65_536 + int(tail)} (asdot)"
        other_sign = option("read.thousands", ",") if sign == "." else option("read.decimal_comma")
        return f"may be {head}{tail} or {other}: say which with {option('read.thousands', sign)} or {other_sign}"

    return each(values, shown)


# Blocks of two columns ------------------------------------------------------------------------------------------------


def joined(first: pl.Series, second: pl.Series, measure: Measure) -> pl.Series:
    """Return blocks as text from their first addresses and what a second column says of their size."""
    alone = second.is_null() | first.str.contains("/", literal=True)
    if measure is Measure.MASK:
        text = first + "/" + second.str.strip_prefix("/")
    elif measure is Measure.END:
        text = first + "-" + second
    else:
        text = each(first + " " + second.str.replace(r"\.0+$", ""), _block_of_count)
    return first.zip_with(alone.fill_null(value=True), text)


def _block_of_count(text: str) -> str:
    """The block of so many addresses; of IPv6, the registries' files have its length in place of their number."""
    start, _, number = text.partition(" ")
    try:
        address, count = ipaddress.ip_address(start), int(number)
    except ValueError:
        return text
    if address.version == 6:
        return f"{start}/{count}"
    whole = count > 0 and count & (count - 1) == 0 and int(address) % count == 0
    return f"{start}/{32 - count.bit_length() + 1}" if whole else f"{start} and {count} addresses"


# All of it ------------------------------------------------------------------------------------------------------------


def read_cells(before: pl.Series, kind: Kind, options: ReadOptions, *, named: bool, refers: bool) -> Cells:
    """Return the text of a column, which has no spaces around it, and what to report of it.

    `named` says that the column holds names, keys or references, in which spaces are folded, `refers` that a word for
    "empty" is none of its names.
    """
    text = before.set(before.is_in(["", *kind.blanks]), None) if kind.blanks else before.set(before == "", None)
    notes: list[Note] = []
    if not is_clean(text):
        text = _without_hidden_characters(text, notes, fold=named)
    text = _without_words(text, kind, options, notes, refers=refers)
    if is_number(kind):
        text = _numbers(text, kind, options, notes)
    errors, repairs, warnings = (
        tuple(note for note in notes if note.severity is severity)
        for severity in (Severity.ERROR, Severity.REPAIR, Severity.WARNING)
    )
    return Cells(before, text, errors, repairs, warnings)


def _without_hidden_characters(text: pl.Series, notes: list[Note], *, fold: bool) -> pl.Series:
    control = has_control(text)
    if control.any():
        notes.append(Note("control", control, "holds control characters, which do not show: remove them"))
        text = text.set(control, None)
    clean = normalized(text, fold=fold)
    altered = (clean != text).fill_null(value=False)
    if not altered.any():
        return text
    message = "written without signs that do not show, in composed letters, with single spaces"
    read = pl.DataFrame({"text": clean}).select(pl.format("read as '{}': {}", "text", pl.lit(message))).to_series()
    notes.append(Note("text_repaired", altered, read, Severity.REPAIR))
    return clean.set(clean == "", None)


def _without_words(text: pl.Series, kind: Kind, options: ReadOptions, notes: list[Note], *, refers: bool) -> pl.Series:
    words = is_empty_word(text, kind)
    given = text.is_in(list(options.null)).fill_null(value=False) if options.null else words & False
    if kind.name == TEXT.name and not refers:
        kept = words & ~given
        if kept.any():
            message = f"is kept as text: give it with {option('read.null')} if it stands for an empty cell"
            notes.append(Note("empty_word", kept, message, Severity.WARNING))
        words = words & False
    empty = words | given
    if not empty.any():
        return text
    notes.append(Note("empty_word", empty, "read as empty", Severity.REPAIR))
    return text.set(empty, None)


def _numbers(text: pl.Series, kind: Kind, options: ReadOptions, notes: list[Note]) -> pl.Series:
    text = plain_numbers(text, kind, options)
    ambiguous = has_two_readings(text, kind, options)
    if not ambiguous.any():
        return text
    notes.append(Note("ambiguous", ambiguous, readings(text.set(~ambiguous, None), kind)))
    return text.set(ambiguous, None)
