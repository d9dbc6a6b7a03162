"""Two records of every type that go together: one with every field, one with no more than it needs."""

from __future__ import annotations

from pathlib import Path

from schemas.resources import RESOURCES
from tests.support import importer, write_csv

Row = dict[str, str]

LEAST: dict[str, Row] = {
    "vpc": {"vpc_id": "vpc-00000002", "cidr_block": "10.2.0.0/16"},
    "subnet": {
        "subnet_id": "subnet-00000002",
        "vpc_id": "vpc-00000002",
        "cidr_block": "10.2.2.0/24",
        "availability_zone": "us-east-1b",
    },
    "transitGateway": {"transit_gateway_id": "tgw-00000002"},
    "customerGateway": {
        "customer_gateway_id": "cgw-00000002",
        "type": "ipsec.1",
        "ip_address": "203.0.113.8",
        "bgp_asn": "65002",
    },
    "vpcEndpoint": {
        "vpc_endpoint_id": "vpce-00000002",
        "vpc_id": "vpc-00000002",
        "service_name": "com.amazonaws.us-east-1.dynamodb",
        "endpoint_type": "Gateway",
    },
    "vpnGateway": {"vpn_gateway_id": "vgw-00000002"},
    "vpnConnection": {
        "vpn_connection_id": "vpn-00000002",
        "customer_gateway_id": "cgw-00000002",
        "transit_gateway_id": "tgw-00000002",
    },
    "transitGatewayAttachment": {
        "transit_gateway_attachment_id": "tgw-attach-00000002",
        "transit_gateway_id": "tgw-00000002",
        "resource_type": "vpc",
        "resource_id": "vpc-00000002",
    },
    "site": {"name": "second"},
    "vrf": {"name": "second"},
    "vlan": {"vid": "111", "name": "second"},
    "prefix": {"prefix": "10.11.0.0/16"},
    "asn": {"asn": "65002"},
    "device": {"name": "second"},
}


def most(resource_type: str) -> Row:
    """A record whose fields have their examples, as far as they go together."""
    return RESOURCES[resource_type].example


def store_two_of_each_type(url: str, folder: Path) -> None:
    """Import both records of every type, in an order in which references are found."""
    for resource_type, resource in RESOURCES.items():
        empty = dict.fromkeys(resource.fields, "")
        rows = [empty | most(resource_type), empty | LEAST[resource_type]]
        path = write_csv(folder / f"{resource_type}.csv", rows)
        report = importer(url, folder)(path, resource_type=resource_type)
        assert (report.counts.create, report.counts.rejected) == (2, 0), report.issues
