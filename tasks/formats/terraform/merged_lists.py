"""The lists of a record that several resources of a state fill, and how their items become one list."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tasks.formats.json.spool import Json
from tasks.formats.terraform.security_groups import SOURCES


def _distinct(items: list[Any]) -> list[Any]:
    return list({json.dumps(item, default=str, sort_keys=True): item for item in items}.values())


def _merged_by(*names: str) -> Callable[[list[Any]], list[Any]]:
    """Items by the first of these members that they have: the values of a later one of the same win."""

    def one_each(items: list[Any]) -> list[Any]:
        found: dict[Any, Json] = {}
        for number, item in enumerate(items):
            key = next(((name, str(item[name])) for name in names if item.get(name)), number)
            known = {name: value for name, value in item.items() if value is not None}
            found[key] = dict.fromkeys(item) | found.get(key, {}) | known
        return list(found.values())

    return one_each


def _merged_rules(rules: list[Any]) -> list[Any]:
    """Rules of one direction, protocol and range of ports as one, as the API gives them."""
    found: dict[Any, Json] = {}
    for rule in rules:
        key = tuple(str(rule[name]) for name in ("direction", "protocol", "from_port", "to_port"))
        whole = found.setdefault(key, rule | {name: [] for name in SOURCES})
        for name, (member,) in SOURCES.items():
            whole[name] = _merged_by(member)(whole[name] + rule[name])
    return list(found.values())


LISTS: dict[tuple[str, str], Callable[[list[Any]], list[Any]]] = {
    ("vpc", "secondary_cidr_blocks"): _distinct,
    ("vpc", "ipv6_cidr_blocks"): _distinct,
    ("vpcEndpoint", "route_table_ids"): _distinct,
    ("vpcEndpoint", "subnet_ids"): _distinct,
    ("vpcEndpoint", "security_group_ids"): _distinct,
    ("routeTable", "routes"): _merged_by("destination"),
    ("routeTable", "associations"): _merged_by("association_id"),
    ("securityGroup", "rules"): _merged_rules,
    ("natGateway", "addresses"): _merged_by("allocation_id", "private_ip"),
}
"""The lists that resources of their own may fill, too, and how the items of all become one list."""

NEVER_WHOLE = {("vpc", "secondary_cidr_blocks"), ("vpc", "ipv6_cidr_blocks"), ("routeTable", "associations")}
"""The lists of which no attribute of the record's own resource has all items."""
