"""Two records of every type that go together: one with every field, one with no more than it needs."""

from __future__ import annotations

from pathlib import Path

from schemas.resources import RESOURCES
from tests.support import importer, write_csv

Row = dict[str, str]

LEAST: dict[str, Row] = {
    "vpc": {"vpc_id": "vpc-0b1b2c3d4e5f60718", "cidr_block": "10.9.0.0/16"},
    "subnet": {
        "subnet_id": "subnet-00000002",
        "vpc_id": "vpc-0b1b2c3d4e5f60718",
        "cidr_block": "10.9.2.0/24",
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
        "vpc_id": "vpc-0b1b2c3d4e5f60718",
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
        "resource_id": "vpc-0b1b2c3d4e5f60718",
    },
    "transitGatewayRouteTable": {
        "transit_gateway_route_table_id": "tgw-rtb-00000002",
        "transit_gateway_id": "tgw-00000002",
    },
    "vpcPeering": {
        "vpc_peering_id": "pcx-00000002",
        "requester_vpc_id": "vpc-0b1b2c3d4e5f60718",
        "accepter_vpc_id": "vpc-0a1b2c3d4e5f60718",
    },
    "internetGateway": {"internet_gateway_id": "igw-00000002"},
    "elasticIp": {"allocation_id": "eipalloc-00000002", "public_ip": "203.0.113.9"},
    "natGateway": {"nat_gateway_id": "nat-00000002", "vpc_id": "vpc-0b1b2c3d4e5f60718"},
    "routeTable": {"route_table_id": "rtb-00000002", "vpc_id": "vpc-0b1b2c3d4e5f60718"},
    "securityGroup": {"security_group_id": "sg-00000002", "group_name": "second", "vpc_id": "vpc-0b1b2c3d4e5f60718"},
    "directConnect": {"connection_id": "dxcon-00000002", "location": "EqDC2", "bandwidth": "50Mbps"},
    "directConnectVirtualInterface": {"virtual_interface_id": "dxvif-00000002", "type": "public", "vlan": "102"},
    "site": {"name": "second"},
    "vrf": {"name": "second"},
    "vlan": {"vid": "111", "name": "second"},
    "prefix": {"prefix": "10.11.0.0/16"},
    "asn": {"asn": "65002"},
    "device": {"name": "second"},
    "circuit": {"provider": "second", "cid": "2"},
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
