"""The text of cells: signs that do not show, words for "empty", numbers with thousands, blocks in two columns."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.wording import COMMAND_LINE
from schemas.job_options.read_options import ReadOptions
from schemas.language.remedies import worded
from schemas.mapping import Measure
from schemas.model import kinds
from schemas.model.kinds.kind import Kind
from tasks.values.cell_text import (
    has_control,
    has_two_readings,
    is_clean,
    joined,
    normalized,
    plain_numbers,
    read_cells,
    readings,
)
from tests.laws import law


def one(values: pl.Series) -> object:
    """Return the only value of a column."""
    [value] = values.to_list()
    return value


# Signs that do not show -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Ko\u0308ln", "Köln"),
        ("Ulm\u200b", "Ulm"),
        ("\ufeffUlm", "Ulm"),
        ("Frank\u00adfurt", "Frankfurt"),
        ("a\u2060b\u200e", "ab"),
        ("a\u00a0b\u2009c", "a b c"),
        ("a \u00a0 b", "a b"),
        ("a\u200db", "ab"),
        ("\u200ca\u200c", "a"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("two\nlines", "two\nlines"),
        ("plain", "plain"),
    ],
)
def test_normal_text(text: str, normal: str) -> None:
    """Letters are composed, what does not show is gone, spaces are plain; joiners stay where a script needs them."""
    values = pl.Series([text])
    assert one(normalized(values, fold=True)) == normal
    assert is_clean(values) == (text == "plain")


def test_spaces_are_folded_in_names_alone() -> None:
    """Free text keeps them."""
    assert one(normalized(pl.Series(["a  b"]), fold=False)) == "a  b"


@law(100)
@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_normal_text_is_normal(text: str) -> None:
    """What was normalised once is as it is, and composed; clean text never changes."""
    values = pl.Series([text])
    whole = normalized(values, fold=True)
    # Composing a letter may bring a mark next to a joiner, which goes the next time.
    settled = normalized(whole, fold=True)
    assert normalized(settled, fold=True).to_list() == settled.to_list()
    assert unicodedata.is_normalized("NFC", str(one(settled)))
    if is_clean(values):
        assert one(whole) == text.strip()


@pytest.mark.parametrize(("text", "says"), [("a\x07", True), ("a\x9fb", True), ("a\tb\r\nc", False), ("é", False)])
def test_control_characters(text: str, says: bool) -> None:
    """All but tabs and the ends of lines."""
    assert one(has_control(pl.Series([text]))) is says


# Empty cells ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["NULL", "null", "NoObject", "N/A", "n/a", "#N/A", "None", "none", "-", "–", "—"])
@pytest.mark.parametrize(
    ("kind", "refers", "empty"),
    [(kinds.ADDRESS, False, True), (kinds.TAGS, False, True), (kinds.TEXT, True, True), (kinds.TEXT, False, False)],
)
def test_words_for_empty(word: str, kind: Kind, refers: bool, empty: bool) -> None:
    """They are empty where they can't be a value; in text they stay, with a warning, unless a caller says so."""
    cells = read_cells(pl.Series([word]), kind, ReadOptions(), named=False, refers=refers)
    assert one(cells.text) == (None if empty else word)
    assert ([note.rule for note in cells.repairs], [note.rule for note in cells.warnings]) == (
        (["empty_word"], []) if empty else ([], ["empty_word"])
    )
    given = read_cells(pl.Series([word]), kind, ReadOptions(null=(word,)), named=False, refers=refers)
    assert (one(given.text), [note.rule for note in given.repairs], given.warnings) == (None, ["empty_word"], ())


def test_a_word_that_is_a_value_is_none_for_empty() -> None:
    """An enum may have one of them among its values."""
    kind = kinds.enum(("none", "some"))
    assert one(read_cells(pl.Series(["none"]), kind, ReadOptions(), named=False, refers=False).text) == "none"


# Numbers --------------------------------------------------------------------------------------------------------------

COMMA, POINT = ReadOptions(thousands=","), ReadOptions(thousands=".")
DECIMAL, NOTHING = ReadOptions(decimal_comma=True), ReadOptions()


@pytest.mark.parametrize(
    ("text", "kind", "options", "number"),
    [
        ("10", kinds.INTEGER, NOTHING, 10),
        ("10.0", kinds.INTEGER, NOTHING, 10),
        ("1.000.000", kinds.INTEGER, NOTHING, 1_000_000),
        ("1,000,000", kinds.INTEGER, NOTHING, 1_000_000),
        ("1 000", kinds.INTEGER, NOTHING, 1_000),
        ("1'000", kinds.INTEGER, NOTHING, 1_000),
        ("10.000", kinds.INTEGER, POINT, 10_000),
        ("10.000", kinds.INTEGER, COMMA, 10),
        ("10.000", kinds.INTEGER, DECIMAL, 10_000),
        ("10,000", kinds.INTEGER, COMMA, 10_000),
        ("10,000", kinds.INTEGER, DECIMAL, 10),
        ("10.000,00", kinds.INTEGER, DECIMAL, 10_000),
        ("1,00", kinds.INTEGER, NOTHING, None),
        ("1.0.0", kinds.INTEGER, NOTHING, None),
        ("65.001", kinds.ASN, POINT, 65_001),
        ("65.001", kinds.ASN, DECIMAL, 65_001),
        ("65.001", kinds.ASN, COMMA, None),
        ("65.101", kinds.ASN, COMMA, 65 * 65_536 + 101),
        ("1.10", kinds.ASN, DECIMAL, 65_546),
        ("64512.100", kinds.ASN, NOTHING, 64_512 * 65_536 + 100),
        ("52.370", kinds.NUMBER, NOTHING, 52.37),
        ("52,37", kinds.NUMBER, NOTHING, None),
        ("52,37", kinds.NUMBER, DECIMAL, 52.37),
        ("1.052,5", kinds.NUMBER, DECIMAL, 1052.5),
        ("1,052.5", kinds.NUMBER, COMMA, 1052.5),
    ],
)
def test_numbers(text: str, kind: Kind, options: ReadOptions, number: float | None) -> None:
    """Thousands are grouped as it is said, or in a way that can't be anything else."""
    values = plain_numbers(pl.Series([text]), kind, options)
    assert not one(has_two_readings(values, kind, options))
    assert one(kind.read(values)) == number


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("10.000", kinds.INTEGER, "may be 10000 or 10: say which with --thousands . or --thousands ,"),
        ("1.234", kinds.INTEGER, "may be 1234 or 1.234: say which with --thousands . or --thousands ,"),
        ("1,000", kinds.INTEGER, "may be 1000 or 1: say which with --thousands , or --decimal-comma"),
        ("65.001", kinds.ASN, "may be 65001 or 4259841 (asdot): say which with --thousands . or --thousands ,"),
        ("65,001", kinds.ASN, "may be 65001 or 65.001: say which with --thousands , or --decimal-comma"),
    ],
)
def test_numbers_with_two_readings(text: str, kind: Kind, says: str) -> None:
    """They are named with both, and with the options that say which it is."""
    values = plain_numbers(pl.Series([text]), kind, NOTHING)
    assert one(has_two_readings(values, kind, NOTHING)) is True
    assert worded(str(one(readings(values, kind))), COMMAND_LINE) == says
    cells = read_cells(pl.Series([text]), kind, NOTHING, named=False, refers=False)
    assert (one(cells.text), [note.rule for note in cells.errors]) == (None, ["ambiguous"])


@law(100)
@given(st.integers(0, 10**12), st.sampled_from([",", ".", "'", " "]))
def test_grouped_numbers(number: int, sign: str) -> None:
    """With its sign said, every grouped number is the number."""
    text = f"{number:,}".replace(",", sign)
    assert (
        one(kinds.INTEGER.read(plain_numbers(pl.Series([text]), kinds.INTEGER, ReadOptions(thousands=sign)))) == number
    )


# Blocks of two columns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "measure", "block"),
    [
        ("10.0.1.0", "255.255.255.0", Measure.MASK, "10.0.1.0/24"),
        ("10.0.1.0", "24", Measure.MASK, "10.0.1.0/24"),
        ("10.0.1.0", "/24", Measure.MASK, "10.0.1.0/24"),
        ("10.0.1.0", "255.0.255.0", Measure.MASK, None),
        ("10.0.1.0/25", "24", Measure.MASK, "10.0.1.0/25"),
        ("10.0.1.0", None, Measure.MASK, None),
        ("10.0.1.0", "10.0.1.255", Measure.END, "10.0.1.0/24"),
        ("10.0.1.0", "10.0.1.99", Measure.END, None),
        ("10.0.1.0", "256", Measure.COUNT, "10.0.1.0/24"),
        ("10.0.1.0", "256.0", Measure.COUNT, "10.0.1.0/24"),
        ("10.0.1.0", "100", Measure.COUNT, None),
        ("10.0.1.128", "256", Measure.COUNT, None),
        ("10.0.1.0", "x", Measure.COUNT, None),
        ("2001:db8::", "32", Measure.COUNT, "2001:db8::/32"),
    ],
)
def test_blocks_of_two_columns(first: str, second: str | None, measure: Measure, block: str | None) -> None:
    """An address with its mask, length, last address or number of addresses; what is not a single block is none."""
    text = joined(pl.Series([first]), pl.Series([second], dtype=pl.String), measure)
    assert one(kinds.BLOCK.read(text)) == block
