"""Text made to hold up a regular expression: each is read in linear time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import polars as pl
import pytest

from schemas.model.kinds.addresses import ADDRESS, BLOCK
from schemas.resources import RESOURCES
from tasks.formats.excel.number_formats import formats_of_styles, number_format
from tasks.formats.excel.sheet_xml import marks_of
from tasks.values.timestamps import moments
from tests.cpu import cpu_seconds
from tests.security.workbooks import HEADER, workbook

SIZE = 200_000
"""Signs of text, of which quadratic time makes minutes."""

AT_ONCE = 10.0
"""CPU seconds that are plenty for what takes a tenth of one, and took minutes."""


SHEETS = {
    "tags without an end": "<c " * SIZE + "</c>",
    "cells without an end": "<c r='A2'>" * SIZE + "<f/></c>",
    "one cell of many": '<c r="A2"><f/>' + "<c>" * SIZE + "</c>",
    "values without an end": '<c r="A2" t="n"><f>' + "<v " * SIZE + "</c>",
    "merged areas without an end": "<mergeCell " * SIZE + "</c>",
    "places in one tag": "<c " + 'r="A2" ' * SIZE + "></c><f/></c>",
    "styles in one tag": "<c " + 's="1" ' * SIZE + "></c>",
    "formulas without an end": '<c r="B2">' + "<f " * SIZE + "</c>",
    "a name without an end": "<" + "c" * SIZE + "</c>",
    "digits": '<c r="A2"><v>' + "1" * SIZE + "</c>",
}
STYLES = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'


@pytest.mark.parametrize("case", SHEETS)
def test_the_xml_of_a_sheet(tmp_path: Path, case: str) -> None:
    """What a sheet's XML says beside its cells is searched a tag at a time, however it is broken."""
    path = workbook(tmp_path / "slow.xlsx", HEADER + SHEETS[case], styles=STYLES)
    assert cpu_seconds(lambda: marks_of(path, 0)) < AT_ONCE


def test_the_links_of_a_workbook(tmp_path: Path) -> None:
    """So are its list of sheets and the links between its parts."""
    path = workbook(tmp_path / "slow.xlsx", HEADER, workbook="<sheet " * SIZE)
    assert cpu_seconds(lambda: marks_of(path, 0)) < AT_ONCE


@pytest.mark.parametrize("styles", ["<numFmt ", "<cellXfs>", "<cellXfs><xf ", '<numFmt numFmtId="9" formatCode="'])
def test_the_styles_of_a_workbook(styles: str) -> None:
    """So are its styles, and a code of a number format that is longer than any is not looked at."""
    assert cpu_seconds(lambda: formats_of_styles(styles * SIZE)) < AT_ONCE
    number = f'numFmtId="{"9" * 5_000}"'
    assert formats_of_styles(f'<numFmt {number} formatCode="x"/><cellXfs><xf {number}/></cellXfs>') == {}
    assert cpu_seconds(lambda: number_format('"' + "0;" * SIZE)) < AT_ONCE


@pytest.mark.parametrize(
    ("read", "cell"),
    [
        (BLOCK.read, "10.0.0.0" + " " * SIZE + "x/8"),
        (ADDRESS.read, "10.0.0.1" + " " * SIZE + "x/8"),
        (moments, "2026-11-24 10:00" + " " * SIZE + "x"),
        (moments, "2026-11-24" + "," * SIZE + "x"),
    ],
    ids=["block", "host", "moment", "commas"],
)
def test_long_cells(read: Callable[[pl.Series], pl.Series], cell: str) -> None:
    """Spaces around a sign are read over as far as people write them."""
    assert cpu_seconds(lambda: read(pl.Series([cell]))) < AT_ONCE


def test_destinations_of_routes() -> None:
    """Colons without an end are no block."""
    [rule] = [each for each in RESOURCES["routeTable"].row_rules if each.name == "destination"]
    routes = orjson.dumps([{"destination": ":" * SIZE, "target": "local"}]).decode()
    frame = pl.DataFrame({"routes": [routes]})
    assert cpu_seconds(lambda: frame.select(rule.broken())) < AT_ONCE
