"""The resource types, one file each, and the one list of them."""

from __future__ import annotations

import copyreg

from schemas.errors import UnknownType
from schemas.language.spelling import nearest, plain
from schemas.model.resource import Resource
from schemas.model.rules import Reference
from schemas.resources.asn import ASN
from schemas.resources.circuit import CIRCUIT
from schemas.resources.customer_gateway import CUSTOMER_GATEWAY
from schemas.resources.device import DEVICE
from schemas.resources.direct_connect import DIRECT_CONNECT
from schemas.resources.direct_connect_virtual_interface import DIRECT_CONNECT_VIRTUAL_INTERFACE
from schemas.resources.elastic_ip import ELASTIC_IP
from schemas.resources.internet_gateway import INTERNET_GATEWAY
from schemas.resources.nat_gateway import NAT_GATEWAY
from schemas.resources.prefix import PREFIX
from schemas.resources.route_table import ROUTE_TABLE
from schemas.resources.security_group import SECURITY_GROUP
from schemas.resources.site import SITE
from schemas.resources.subnet import SUBNET
from schemas.resources.transit_gateway import TRANSIT_GATEWAY
from schemas.resources.transit_gateway_attachment import TRANSIT_GATEWAY_ATTACHMENT
from schemas.resources.transit_gateway_route_table import TRANSIT_GATEWAY_ROUTE_TABLE
from schemas.resources.vlan import VLAN
from schemas.resources.vpc import VPC
from schemas.resources.vpc_endpoint import VPC_ENDPOINT
from schemas.resources.vpc_peering import VPC_PEERING
from schemas.resources.vpn_connection import VPN_CONNECTION
from schemas.resources.vpn_gateway import VPN_GATEWAY
from schemas.resources.vrf import VRF

_ALL = (
    VPC,
    SUBNET,
    TRANSIT_GATEWAY,
    TRANSIT_GATEWAY_ROUTE_TABLE,
    CUSTOMER_GATEWAY,
    VPC_ENDPOINT,
    VPN_GATEWAY,
    VPN_CONNECTION,
    TRANSIT_GATEWAY_ATTACHMENT,
    VPC_PEERING,
    INTERNET_GATEWAY,
    ELASTIC_IP,
    NAT_GATEWAY,
    ROUTE_TABLE,
    SECURITY_GROUP,
    DIRECT_CONNECT,
    DIRECT_CONNECT_VIRTUAL_INTERFACE,
    SITE,
    VRF,
    VLAN,
    PREFIX,
    ASN,
    DEVICE,
    CIRCUIT,
)

RESOURCES: dict[str, Resource] = {resource.type: resource for resource in _ALL}
"""Every resource type by its name, in an order in which references point backwards: the order of loading."""


def _registered(name: str) -> Resource:
    return RESOURCES[name]


# A type that passes between processes is its name: both have the same declarations.
copyreg.pickle(Resource, lambda chosen: (_registered, (chosen.type,)))

_SPELLINGS = {
    plain(spelling): resource
    for resource in RESOURCES.values()
    for name in (resource.type, resource.title, *resource.aliases)
    for spelling in (name, f"{name}s", f"{name}es")
}


def find_resource(name: str) -> Resource | None:
    """Return the type that a sheet or a list is named after, however spelt (`VPCs`); None where it is none."""
    return _SPELLINGS.get(plain(name))


def creatable(chosen: Resource) -> list[str]:
    """Return the types that a type's records refer to and of which a reference holds all that a new record needs."""
    referred = [rule.to for rule in chosen.rules(Reference)]
    return [name for name in dict.fromkeys(referred) if not RESOURCES[name].beyond_reference]


def resource(name: str) -> Resource:
    """Return the type of that name however spelt (`transit-gateway`, `TGW`); raises UnknownType."""
    found = find_resource(name)
    if found:
        return found
    near = nearest(plain(name), _SPELLINGS)
    hint = f"did you mean {_SPELLINGS[near].type}?" if near else f"known types: {', '.join(RESOURCES)}."
    raise UnknownType(f"Unknown resource type '{name}': {hint}", type=name, choices=[*RESOURCES])
