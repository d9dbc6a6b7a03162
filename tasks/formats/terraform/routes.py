"""Route tables in a Terraform state, with their routes and associations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tasks.formats.json.spool import Json
from tasks.formats.terraform.attributes import always, objects_in
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.facts import Addition, Facts, Read


def _is_main(*, otherwise: bool | None) -> Read:
    """Whether a route table is its VPC's main one, by an association or by the VPC."""

    def value(attributes: Json, facts: Facts) -> Any:
        vpc = str(attributes.get("vpc_id"))
        main = facts.main.get(vpc) or facts.main_of_vpc.get(vpc)
        return main == attributes.get("id") if main else otherwise

    return value


_DESTINATIONS = ("cidr_block", "ipv6_cidr_block", "destination_prefix_list_id")
_ROUTE_DESTINATIONS = ("destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id")
_TARGETS = (
    *("transit_gateway_id", "nat_gateway_id", "vpc_peering_connection_id", "network_interface_id", "vpc_endpoint_id"),
    *("local_gateway_id", "carrier_gateway_id", "egress_only_gateway_id", "core_network_arn", "odb_network_arn"),
    *("gateway_id", "instance_id"),
)


def _first_value(route: Json, names: Iterable[str]) -> Any:
    return next((route[name] for name in names if route.get(name)), None)


def _routes(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    routes = objects_in(attributes.get("route"))
    return [
        {"destination": _first_value(each, _DESTINATIONS), "target": _first_value(each, _TARGETS)} for each in routes
    ] or None


def _one_route(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """A route that is a resource of its own; None for one without a destination or a target that is known here."""
    route = {"destination": _first_value(attributes, _ROUTE_DESTINATIONS), "target": _first_value(attributes, _TARGETS)}
    details = {name: attributes[name] for name in ("state", "origin") if attributes.get(name)}
    return route | details if all(route.values()) else None


def _one_association(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    parts = {"association_id": "id", "subnet_id": "subnet_id", "gateway_id": "gateway_id"}
    return {ours: attributes.get(theirs) or None for ours, theirs in parts.items()}


_ROUTE_TABLE: dict[str, Read] = {
    "route_table_id": "id",
    "vpc_id": "vpc_id",
    "routes": _routes,
    "associations": always(None),
}

ENTRIES: dict[str, tuple[Entry, ...]] = {
    "aws_route_table": (Entry("routeTable", _ROUTE_TABLE | {"main": _is_main(otherwise=None)}),),
    "aws_default_route_table": (Entry("routeTable", _ROUTE_TABLE | {"main": _is_main(otherwise=True)}),),
}
"""What resources are read as."""

ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "aws_route": (Addition("routeTable", "route_table_id", "routes", _one_route),),
    "aws_route_table_association": (Addition("routeTable", "route_table_id", "associations", _one_association),),
    "aws_main_route_table_association": (
        Addition(
            "routeTable",
            "route_table_id",
            "associations",
            lambda attributes, facts: {  # noqa: ARG005
                "association_id": attributes.get("id"),
                "subnet_id": None,
                "gateway_id": None,
            },
        ),
    ),
}
"""What resources add to records of others."""
