"""Route table: where a VPC sends what leaves the subnets associated with it.

Source: EC2 API, RouteTable, Route and CreateRoute (one target for a route); VPC User Guide, route tables (one main
table for a VPC; a static and a propagated route may have one destination, and the static one is used). A blackhole's
target may be gone, and AWS adds targets: what is wrong with a route is a warning, so that no table is lost for one.
"""

from __future__ import annotations

import re
from typing import Any

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Objects, Reference, Unique, lists_objects, objects_rule

# A route of an instance names the instance's network interface, too: that is one target.
_TARGETS = (
    *("TransitGatewayId", "NatGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId", "LocalGatewayId"),
    *("CarrierGatewayId", "EgressOnlyInternetGatewayId", "CoreNetworkArn", "OdbNetworkArn", "GatewayId"),
)
# What stands for a target where there is no other: an instance, or the next hop of a route of VPC Route Server.
_SECOND_TARGETS = ("InstanceId", "IpAddress")
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
_ROUTES = '[{"destination":"0.0.0.0/0","target":"igw-0a1b2c3d4e5f60718"}]'
_ASSOCIATIONS = '[{"subnet_id":"subnet-0a1b2c3d4e5f60718"}]'


class RouteTable(AwsRecord):
    """Where a VPC sends what leaves the subnets associated with it."""

    route_table_id: str = f.aws_id(
        "rtb", "Route table ID", required=True, aliases=("rtb id", "rtb", "id"), aws="RouteTableId"
    )
    vpc_id: str = f.aws_id("vpc", "VPC ID", required=True, aliases=("vpc",), aws="VpcId")
    routes: str = f.json(
        "Routes",
        example=_ROUTES,
        description="The routes as JSON: to a destination (a block or a prefix list) over one target.",
        aws=f"Routes[].{{destination: {' || '.join(_DESTINATIONS)}, "
        f"target: {' || '.join((*_TARGETS, *_SECOND_TARGETS))}, "
        "state: State, origin: Origin}",
    )
    associations: str = f.json(
        "Associations",
        example=_ASSOCIATIONS,
        aliases=("associated with",),
        description="The subnets and gateways that use the table, as JSON; a main table's own entry names neither.",
        aws="Associations[].{association_id: RouteTableAssociationId, subnet_id: SubnetId, gateway_id: GatewayId}",
    )
    main: bool = f.boolean(
        "Main",
        example="false",
        aliases=("is main", "main route table"),
        description="Whether the VPC's subnets use the table that are associated with no other.",
        aws="Associations[?Main].Main | [0] || `false`",
    )


def _values(route: dict[str, Any], *names: str) -> list[Any]:
    return [route[name] for name in names if route.get(name)]


def _targets(route: dict[str, Any]) -> list[Any]:
    return _values(route, "target", *_TARGETS) or _values(route, *_SECOND_TARGETS)[:1]


def _destinations(route: dict[str, Any]) -> list[Any]:
    return _values(route, "destination", *_DESTINATIONS)


# VpcLattice is the target of the routes to the services of VPC Lattice.
_TARGET = re.compile(
    r"local|VpcLattice|[a-z]+(-[a-z]+)*-[0-9a-f]+|arn:aws[a-z-]*:.+|[0-9.]+|[0-9a-fA-F]*:[0-9a-fA-F:]*"
)
_DESTINATION = re.compile(r"[0-9]+(\.[0-9]+){3}/[0-9]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*/[0-9]+|pl-[0-9a-f]+")


def _not_one_target(routes: Objects) -> bool:
    return any(not _has_one_target(route) for route in routes)


def _has_one_target(route: dict[str, Any]) -> bool:
    targets = _targets(route)
    if not targets:
        return str(route.get("state", route.get("State"))).lower() == "blackhole"
    return len(targets) == 1 and _fits(_TARGET, targets[0])


def _not_one_destination(routes: Objects) -> bool:
    return any(len(_destinations(route)) != 1 or not _fits(_DESTINATION, _destinations(route)[0]) for route in routes)


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and bool(pattern.fullmatch(value))


def _repeated_destination(routes: Objects) -> bool:
    named = [str(destination) for route in routes for destination in _destinations(route)]
    return len(set(named)) < len(named)


ROUTE_TABLE = Resource(
    "routeTable",
    "Route table",
    RouteTable,
    key=("route_table_id",),
    aliases=("rtb",),
    document=Document("RouteTables", never=("description",)),
    row_rules=(
        lists_objects("routes", _ROUTES, source=citations.api("Route")),
        lists_objects("associations", _ASSOCIATIONS, source=citations.api("RouteTableAssociation")),
        objects_rule(
            "one_target",
            "routes",
            _not_one_target,
            "has a route without exactly one target: local, an id such as igw-0a1b2c3d, an ARN or an address",
            severity=Severity.WARNING,
            source=citations.api("Route"),
        ),
        objects_rule(
            "destination",
            "routes",
            _not_one_destination,
            "has a route without exactly one destination: a block such as 10.0.0.0/16, or a prefix list such as "
            "pl-0a1b2c3d",
            severity=Severity.WARNING,
            source=citations.api("Route"),
        ),
        objects_rule(
            "repeated_destination",
            "routes",
            _repeated_destination,
            "has two routes to one destination: keep one, unless one is static and the other propagated",
            severity=Severity.WARNING,
            source=citations.ROUTES,
        ),
    ),
    set_rules=(
        Reference("vpc_id", "vpc", source=citations.api("RouteTable")),
        Unique("main", within=("vpc_id",), only=True, source=citations.ROUTES),
    ),
    source=citations.api("RouteTable"),
)
