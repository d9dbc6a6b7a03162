"""Tables of prefixes as NetBox and Nautobot export and import them, in which several columns stand for one field.

A VLAN is its number in one column and its group or site in another (`vlan`, `vlan_group`, `vlan_site` of NetBox's bulk
import, `vlan.vid` and `vlan.group` of accessors, `VLAN Group` of the table in the page), a VRF its route distinguisher
and its name, and a place the kind of it and its name. NetBox writes a table as it shows it: a VLAN as `servers (110)`,
no VRF as `Global` (netbox/ipam/tables). Nautobot has containers as a type of prefix, in a namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from schemas.issues import Issue, Severity, issues_frame
from schemas.sources import ROW, Opened

_VLAN = ("vlan.vid", "vlan_vid", "vlan")
_GROUP = ("vlan_group", "vlan_group.name", "vlan.group", "vlan.group.name", "vlan.vlan_group.name")
_SITE = ("vlan_site", "vlan_site.name", "vlan.site", "vlan.site.name", "vlan.location.name")
_RD, _VRF = ("vrf.rd", "vrf_rd"), ("vrf", "vrf.name")
_SCOPE = ("scope", "scope.name", "scope_name")

# Columns that the table of prefixes has in NetBox, and no other table of prefixes: `Global` is no VRF's name there.
_SHOWN = {"children", "utilization", "prefix_(flat)", "marked_utilized", "tenant_group"}

_NUMBER = r"^\d+$"
_NAMED_NUMBER = r"^.* \((\d+)\)$"
# nautobot/core/constants.py: CSV_NO_OBJECT, CSV_NULL_TYPE.
NO_OBJECT = "NoObject"
_EMPTY = ("", "NULL", NO_OBJECT)
_RELATED = re.compile(r"[a-z]\w*?__\w+")


def as_fields(opened: Opened) -> Opened:
    """Return the table with one column for each field that has several; any other table as it is."""
    opened = _no_objects(opened)
    if "prefix" not in {accessor(column) for column in opened.columns}:
        return opened
    for read in (_without_global_vrf, _one_vrf, _one_vlan, _one_place, _namespaces):
        opened = read(opened, {accessor(column): column for column in opened.columns})
    return opened


def accessor(header: str) -> str:
    """Return a header as an accessor: `VLAN Group`, `vlan_group`; `vlan__group__name`, `vlan.group.name`."""
    return re.sub(r"\s+", "_", header.strip().lower()).replace("__", ".")


def _first(spelt: dict[str, str], names: Iterable[str]) -> str | None:
    return next((spelt[name] for name in names if name in spelt), None)


def _text(column: str) -> pl.Expr:
    """Return the cells of a column, null where nothing is there."""
    stripped = pl.col(column).str.strip_chars()
    return pl.when(~stripped.is_in(_EMPTY)).then(stripped)


def _with_column(opened: Opened, name: str, value: pl.Expr, used: Iterable[str], message: str) -> Opened:
    """Return a table with a column in the place of those that it is read from, and a notice that says so."""
    replaced = [column for column in used if column != name]
    columns = tuple(dict.fromkeys([*(column for column in opened.columns if column not in replaced), name]))
    frame = opened.frame.with_columns(value.alias(name)).select(ROW, *columns)
    notice = Issue("joined", message, Severity.WARNING, column=name)
    return replace(opened, frame=frame, columns=columns, notices=(*opened.notices, notice))


def _no_objects(opened: Opened) -> Opened:
    """Read what Nautobot writes for a related object that is not there: `NoObject` in `tenant__name`."""
    columns = [column for column in opened.columns if _RELATED.fullmatch(column)]
    if not columns:
        return opened
    counts = opened.frame.select((pl.col(column) == NO_OBJECT).sum() for column in columns).collect().row(0)
    found = {column: count for column, count in zip(columns, counts, strict=True) if count}
    if not found:
        return opened
    frame = opened.frame.with_columns(pl.when(pl.col(column) != NO_OBJECT).then(pl.col(column)) for column in found)
    counted = ", ".join(f"'{column}' ({count:,})" for column, count in found.items())
    message = f"'{NO_OBJECT}' is read as empty, because Nautobot writes it for missing objects: {counted}"
    return replace(opened, frame=frame, notices=(*opened.notices, Issue("empty_word", message, Severity.WARNING)))


def _without_global_vrf(opened: Opened, spelt: dict[str, str]) -> Opened:
    column = spelt.get("vrf")
    if column is None or not _SHOWN & spelt.keys():
        return opened
    value = pl.when(pl.col(column).str.strip_chars() != "Global").then(pl.col(column))
    return _with_column(
        opened, column, value, (), f"'Global' in column '{column}' is read as no VRF, as NetBox shows it"
    )


def _one_vrf(opened: Opened, spelt: dict[str, str]) -> Opened:
    rd, name = _first(spelt, _RD), _first(spelt, _VRF)
    if rd is None or name is None:
        return opened
    message = f"columns '{rd}' and '{name}' are read together as the VRF: the name where it has no route distinguisher"
    return _with_column(opened, "vrf", pl.coalesce(_text(rd), _text(name)), (rd, name), message)


def _one_vlan(opened: Opened, spelt: dict[str, str]) -> Opened:
    number, group, site = (_first(spelt, names) for names in (_VLAN, _GROUP, _SITE))
    places = [column for column in (group, site) if column]
    if number is None or not places:
        return opened
    cell = _text(number)
    vid = pl.when(cell.str.contains(_NUMBER)).then(cell).otherwise(cell.str.extract(_NAMED_NUMBER))
    place = pl.coalesce([*map(_text, places), pl.lit("")])
    # What is no number is left for the rule on references to explain.
    value = pl.coalesce(pl.concat_str(place, pl.lit("/"), vid), cell)
    used = ", ".join(f"'{column}'" for column in places)
    message = f"columns {used} and '{number}' are read together as the VLAN: its group or else its site, and its number"
    return _with_column(opened, "vlan", value, (*places, number), message)


def _one_place(opened: Opened, spelt: dict[str, str]) -> Opened:
    kind, scope = spelt.get("scope_type"), _first(spelt, _SCOPE)
    if kind is None or scope is None or "site" in spelt:
        return opened
    is_site = _text(kind).str.to_lowercase().str.contains(r"(^|\W)site$")
    message = f"column '{scope}' is read as the site where '{kind}' says that it is one, and as no site elsewhere"
    return _with_column(opened, "site", pl.when(is_site).then(pl.col(scope)), (kind, scope), message)


def _namespaces(opened: Opened, spelt: dict[str, str]) -> Opened:
    """Read a table of Nautobot, where a prefix has a type, and a namespace in the place of a VRF."""
    kind, space = spelt.get("type"), _first(spelt, ("namespace.name", "namespace"))
    status = _first(spelt, ("status.name", "status"))
    if space is None:
        return opened
    if kind and status:
        value = pl.when(_text(kind).str.to_lowercase() == "container").then(pl.lit("container")).otherwise(status)
        message = f"column '{kind}' is read as the status where it is container, and column '{status}' elsewhere"
        if "is_pool" not in spelt:
            pool = pl.when(_text(kind).is_not_null()).then((_text(kind).str.to_lowercase() == "pool").cast(pl.String))
            opened = _with_column(opened, "is_pool", pool, (), f"column '{kind}' says whether a prefix is a pool")
        opened = _with_column(opened, status, value, (kind,), message)
    if spelt.keys() & {*_RD, *_VRF}:
        return opened
    other = opened.frame.filter(_text(space).fill_null("Global") != "Global").select(ROW, space).collect()
    if other.is_empty():
        return opened
    message = "is in the namespace '{}', and no column has its VRF: add one, called vrf"
    found = [Issue("namespace", message.format(name), row=row, column=space, value=name) for row, name in other.rows()]
    gap = Issue(
        "namespace", f"{len(found):,} prefixes are in a namespace, and no column has their VRF", Severity.WARNING
    )
    faults = pl.concat([opened.faults, issues_frame(found)]).sort("row")
    return replace(opened, faults=faults, gaps=(*opened.gaps, gap))
