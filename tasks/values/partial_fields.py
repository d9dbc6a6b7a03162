"""Rows that know a field in part, completed from what is stored: the column `# merged` says which and how.

A Terraform state whose routes are resources of their own knows some routes of a table, and never the local one; the
rest is left as it is stored, until a source that knows all of it says otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, select

from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.model.rules import Reference
from schemas.model.tables import TABLES
from schemas.resources import RESOURCES
from schemas.sources import MERGED, ROW, UNTOUCHED, Extracted
from tasks.store.connection.session import Session

Item = dict[str, Any]

# Records that are looked up at once.
_AT_ONCE = 5_000


def completed(session: Session, resource: Resource, mapping: Mapping, extracted: Extracted) -> Extracted:
    """Return a source whose rows hold, of the fields that they know in part, what is stored of them as well.

    A field with a constant is no longer left untouched. A source without the columns of notes is as it was.
    """
    if UNTOUCHED in extracted.columns and mapping.constants:
        extracted = replace(extracted, frame=extracted.frame.with_columns(_untouched_without(mapping.constants)))
    key = mapping.column_of(resource.key_column)
    if MERGED not in extracted.columns or key is None:
        return extracted
    columns = {name: column for name in resource.fields if (column := mapping.column_of(name))}
    read = [ROW, *dict.fromkeys((MERGED, *columns.values()))]
    rows = extracted.frame.select(read).filter(pl.col(MERGED).str.len_bytes() > 0).collect()
    changed = pl.DataFrame(
        list(_changed_rows(session, resource, columns, rows)),
        schema={ROW: pl.UInt32, **dict.fromkeys(columns, pl.String)},
    )
    if changed.is_empty():
        return extracted
    named = [name for name in columns if changed[name].null_count() < len(changed)]
    new = changed.lazy().select(ROW, *(pl.col(name).alias(_new_column(columns[name])) for name in named))
    joined = extracted.frame.join(new, on=ROW, how="left", maintain_order="left")
    frame = joined.with_columns(
        pl.coalesce(_new_column(columns[name]), columns[name]).alias(columns[name]) for name in named
    )
    return replace(extracted, frame=frame.select(ROW, *extracted.columns))


def _new_column(column: str) -> str:
    return f"__merged__{column}"


def _untouched_without(names: dict[str, str]) -> pl.Expr:
    """The fields that rows leave untouched, but for those of a constant."""
    kept = pl.col(UNTOUCHED).str.split(",").list.eval(pl.element().filter(~pl.element().is_in(list(names))))
    return kept.list.join(",").alias(UNTOUCHED)


def _changed_rows(
    session: Session, resource: Resource, columns: dict[str, str], rows: pl.DataFrame
) -> Iterator[dict[str, Any]]:
    """Yield, of each row of a stored record, its number and the fields whose text is another with what is stored."""
    keys = resource.fields[resource.key_column].kind.read(rows[columns[resource.key_column]])
    for at in range(0, len(rows), _AT_ONCE):
        some = keys[at : at + _AT_ONCE]
        batch = rows[at : at + _AT_ONCE]
        with session.transaction() as connection:
            known = _stored_records(connection, resource, some.drop_nulls().to_list())
            named = _referenced_values(connection, resource, columns, batch)
        for key, row in zip(some, batch.iter_rows(named=True), strict=True):
            merged = named.get(row[ROW], {}) | dict(_merged_fields(resource, columns, row, known.get(key, {})))
            if merged:
                yield {ROW: row[ROW], **merged}


_OF = re.compile(r"(?:^|,)(\w+)=fill:(\w+)")


def _referenced_values(
    connection: Connection, resource: Resource, columns: dict[str, str], rows: pl.DataFrame
) -> dict[int, dict[str, str]]:
    """The empty fields of rows that a record which they refer to has, by row: a subnet's VPC of what stands in it."""
    wanted = [
        (row[ROW], name, by, row[columns[by]])
        for row in rows.iter_rows(named=True)
        for name, by in _OF.findall(row[MERGED])
        if by in columns and name in columns and row[columns[by]] and not row[columns[name]]
    ]
    found: dict[int, dict[str, str]] = {}
    for by in {each[2] for each in wanted}:
        to = next(rule.to for rule in resource.rules(Reference) if rule.field == by)
        keys = sorted({key for _, _, other, key in wanted if other == by})
        known = _stored_records(connection, RESOURCES[to], keys)
        for row, name, other, key in wanted:
            if other == by and key in known and known[key].get(name) is not None:
                found.setdefault(row, {})[name] = _text(known[key][name])
    return found


def _stored_records(connection: Connection, resource: Resource, keys: list[str]) -> dict[str, dict[str, Any]]:
    table = TABLES[resource.type]
    found = connection.execute(select(table).where(table.c[resource.key_column].in_(keys))).mappings()
    return {str(record[resource.key_column]): dict(record) for record in found}


def _merged_fields(
    resource: Resource, columns: dict[str, str], row: dict[str, Any], known: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    for each in row[MERGED].split(","):
        name, _, mode = each.partition("=")
        if name not in columns or known.get(name) is None:
            continue
        text = row[columns[name]]
        merged = _text(known[name]) if mode.startswith("fill") else _list(resource, name, mode, text, known[name])
        if merged is not None and merged != text:
            yield name, merged


def _text(value: Any) -> str:
    """A stored value as a cell holds it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return _json(value)
    return str(value)


def _json(value: Any) -> str:
    """JSON in one spelling; numbers of any size."""
    return json.dumps(value, default=str, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _list(resource: Resource, name: str, mode: str, text: str | None, known: Any) -> str | None:
    """The text of a field's items with those stored; None where the row's own is to stand, as it can't be read."""
    how, _, part = mode.partition(":")
    merge = merge_of(resource.type, name)
    if merge is None or how not in ("add", "whole"):
        return None
    try:
        new = orjson.loads(text) if text else type(known)()
    except orjson.JSONDecodeError:
        return None
    if not isinstance(new, type(known)) or not isinstance(known, list | dict):
        return None
    return _text(merge(known, new, Whole(how == "whole", part)))


# Merges ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Whole:
    """Whether a row's items are all that there are, perhaps of one part only."""

    is_whole: bool
    part: str

    def of(self, part: str) -> bool:
        """Say whether a row has all items of a part."""
        return self.is_whole and self.part in ("", part)


Merge = Callable[[Any, Any, Whole], Any]


def merge_of(resource_type: str, name: str) -> Merge | None:
    """Return how the items of a field are set against those stored; None for a field that has no items."""
    by_kind: dict[str, Merge] = {"tags": _tags, "texts": _texts, "cidrs": _texts}
    return _MERGES.get((resource_type, name)) or by_kind.get(RESOURCES[resource_type].fields[name].kind.name)


def _tags(known: Item, new: Item, whole: Whole) -> Item:
    """Tags: those that begin with `aws:` are hidden by Terraform's provider."""
    kept = {name: value for name, value in known.items() if not whole.is_whole or name.startswith("aws:")}
    return kept | new


def _texts(known: list[Any], new: list[Any], whole: Whole) -> list[Any]:
    """Ids and blocks: what is stored keeps its place. A list that holds anything else stays, to be rejected."""
    if not all(isinstance(each, str) for each in new):
        return new
    texts = [str(each) for each in known]
    kept = [text for text in texts if not whole.is_whole or text in new]
    return [*kept, *(each for each in new if each not in texts)]


@dataclass(frozen=True)
class Items:
    """A list of objects: what each is known by, and the member that makes it another one when it differs.

    `hidden` identifies items that a row which has all others may not know.
    """

    key: Callable[[Item], Any]
    same: Callable[[Item], Any] = lambda item: None  # noqa: ARG005
    hidden: Callable[[Item], bool] = lambda item: False  # noqa: ARG005

    def __call__(self, known: list[Any], new: list[Any], whole: Whole) -> list[Any]:
        """The items stored and new: what is stored keeps its place, and the members that the new one does not have."""
        fresh = {self._key(item): item for item in new if isinstance(item, dict)}
        left, kept = dict(fresh), []
        for item in known:
            key = self._key(item)
            if key in left:
                kept.append(self._one(item, left.pop(key)))
            elif not whole.is_whole or (key not in fresh and isinstance(item, dict) and self.hidden(item)):
                kept.append(item)
        return [*kept, *left.values()]

    def _key(self, item: Any) -> Any:
        """What an item is known by; one without that, or that is no object, by all of it."""
        key = self.key(item) if isinstance(item, dict) else None
        return _json(item) if key is None else key

    def _one(self, known: Item, new: Item) -> Item:
        if self.same(known) != self.same(new):
            return new
        return known | {name: value for name, value in new.items() if value is not None}


def _first_member(*names: str) -> Callable[[Item], Any]:
    """The first of the members that an item has, as (name, text)."""
    return lambda item: next(((name, str(item[name])) for name in names if item.get(name)), None)


_DESTINATION = ("destination", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def _destination(route: Item) -> Any:
    return next((str(route[name]).lower() for name in _DESTINATION if route.get(name)), None)


def _target(route: Item) -> Any:
    return route.get("target", route.get("GatewayId"))


def _is_hidden_route(route: Item) -> bool:
    """Say whether Terraform's provider leaves a route out (hashicorp/aws, `flattenRoutes`).

    Those are local ones, those that a VPN gateway propagates, and those of gateway endpoints and of VPC Lattice.
    """
    target, destination = str(_target(route)), str(_destination(route))
    is_endpoint = target.startswith("vpce-") and destination.startswith("pl-")
    propagated = "EnableVgwRoutePropagation" in (route.get("origin"), route.get("Origin"))
    return target in ("local", "VpcLattice") or propagated or is_endpoint


_SOURCES = {
    "ipv4_ranges": "CidrIp",
    "ipv6_ranges": "CidrIpv6",
    "groups": "GroupId",
    "prefix_lists": "PrefixListId",
}
_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}


def _rule_key(rule: Item) -> Any:
    protocol = str(rule.get("protocol")).lower()
    protocol = _NUMBERS.get(protocol, protocol)
    ports = (None, None) if protocol == "-1" else (rule.get("from_port"), rule.get("to_port"))
    return (str(rule.get("direction")), protocol, *map(str, ports))


def _rules(known: list[Any], new: list[Any], whole: Whole) -> list[Any]:
    """Rules of a security group: those of one direction, protocol and range of ports are one, with all it is about."""
    fresh = {_rule_key(rule): rule for rule in new if isinstance(rule, dict)}
    left, kept = dict(fresh), []
    for rule in known:
        key = _rule_key(rule) if isinstance(rule, dict) and "direction" in rule else None
        is_whole = key is not None and whole.of(key[0])
        if key in left:
            kept.append(rule | _sources(rule, left.pop(key), Whole(is_whole, "")))
        elif not is_whole:
            kept.append(rule)
    return [*kept, *left.values()]


def _sources(known: Item, new: Item, whole: Whole) -> Item:
    """Whom two rules of the same ports are about."""
    lists = {name: (known.get(name), new.get(name)) for name in _SOURCES}
    return {
        name: Items(_first_member(_SOURCES[name]))(one if isinstance(one, list) else [], other or [], whole)
        for name, (one, other) in lists.items()
        if isinstance(one, list | None) and isinstance(other, list | None)
    }


_MERGES: dict[tuple[str, str], Merge] = {
    ("routeTable", "routes"): Items(_destination, _target, _is_hidden_route),
    ("routeTable", "associations"): Items(_first_member("association_id", "subnet_id", "gateway_id")),
    ("natGateway", "addresses"): Items(_first_member("allocation_id", "private_ip")),
    ("vpnConnection", "tunnels"): Items(_first_member("outside_ip")),
    ("securityGroup", "rules"): _rules,
}
"""How the items of a field, by (type, field), are set against those stored; others go by their kind."""
