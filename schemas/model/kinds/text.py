"""The kinds of text: names, codes, ids and values of a fixed list."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from sqlalchemy import Text

from schemas.model.kinds.kind import Kind


def _unchanged(values: pl.Series) -> pl.Series:
    return values


def _lower_case(values: pl.Series) -> pl.Series:
    return values.str.to_lowercase()


_VRF_WITH_RD = r"^.+ \(((?:\d+|\d+\.\d+\.\d+\.\d+):\d+)\)$"


def _vrf(values: pl.Series) -> pl.Series:
    """Read `blue (65000:1)`, as NetBox shows a VRF, by its route distinguisher (RFC 4364)."""
    return values.str.replace(_VRF_WITH_RD, "$1") if values.str.ends_with(")").any() else values


TEXT = Kind("text", pl.String(), Text(), _unchanged, "text")
# What NetBox shows in the place of a name that a device does not have (netbox/dcim/tables/template_code.py).
DEVICE_NAME = replace(TEXT, blanks=("Unnamed device",))
VRF = replace(TEXT, read=_vrf, repair="NetBox shows a VRF with its route distinguisher, which names it")
CODE = Kind("code", pl.String(), Text(), _lower_case, "text", repair="written in lower case")


def _ids(values: pl.Series) -> pl.Series:
    """Ids in lower case; AWS's console writes the name of a record after its id: `vpc-0a1b2c3d | main`."""
    lower = values.str.to_lowercase()
    named = lower.str.contains("|", literal=True) | lower.str.contains(" / ", literal=True)
    return lower.str.replace(r"^([a-z-]+-[0-9a-f]+) ?[|/] .*$", "$1") if named.any() else lower


ID = Kind("code", pl.String(), Text(), _ids, "text", repair="written in lower case, without the name next to it")


def enum(values: tuple[str, ...], *, any_case: bool = False) -> Kind:
    """One of `values`, in any case; what is none of them stays as it is, and is reported.

    With `any_case`, one case is as good as another, and another than the list's is no repair.
    """
    canonical = {value.lower(): value for value in values}

    def read(column: pl.Series) -> pl.Series:
        distinct = column.drop_nulls().unique()
        known = {text: canonical[text.lower()] for text in distinct if text.lower() in canonical}
        altered = {text: value for text, value in known.items() if text != value}
        return column.replace(altered) if altered else column

    wants = f"one of {', '.join(values)}"
    repair = None if any_case else "written as the list has it"
    return Kind("enum", pl.String(), Text(), read, wants, repair=repair, choices=values)
