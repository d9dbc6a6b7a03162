"""AWS documents as `aws … describe-*` prints them, made by moto's server through the real boto3, or recorded.

`tests/data/aws/TYPE.json` is the document of a type that moto does not have, in the shape of the API reference.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import httpx

REGION = "us-east-1"

RECORDED = {path.stem: path for path in Path(__file__).parent.joinpath("data", "aws").glob("*.json")}
"""The recorded document of each type that moto does not have."""

Document = dict[str, Any]


@contextmanager
def aws() -> Iterator[str]:
    """Give the address of a moto server that lives as long as the block, whatever AWS settings the developer has."""
    with warnings.catch_warnings():
        # What moto's dependencies say of each other when they are imported is no matter of ours.
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with patch.dict(os.environ, ours, clear=True):
        server.start()
        try:
            host, port = server.get_host_and_port()
            # All servers of a process share one state.
            httpx.post(f"http://{host}:{port}/moto-api/reset", trust_env=False).raise_for_status()
            yield f"http://{host}:{port}"
        finally:
            server.stop()


@contextmanager
def ec2(region: str = REGION) -> Iterator[Any]:
    """Give an EC2 client of a moto server that lives as long as the block."""
    with aws() as endpoint, service("ec2", endpoint, region) as client:
        yield client


@contextmanager
def service(name: str, endpoint: str, region: str = REGION) -> Iterator[Any]:
    """Give a client of a service of a moto server."""
    client = boto3.Session("test", "test", region_name=region).client(name, endpoint_url=endpoint)
    yield client
    client.close()


@cache
def describe_documents() -> dict[str, Document]:
    """Return the document of each AWS type, by the type's name, telling of one small network."""
    with aws() as endpoint, service("ec2", endpoint) as client:
        ours = [{"Name": "vpc-id", "Values": [create_network(client)]}]
        described = {
            "vpc": client.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}]),
            "subnet": client.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["false"]}]),
            "transitGateway": client.describe_transit_gateways(),
            "transitGatewayAttachment": client.describe_transit_gateway_attachments(),
            "customerGateway": client.describe_customer_gateways(),
            "vpnGateway": client.describe_vpn_gateways(),
            "vpnConnection": client.describe_vpn_connections(),
            "vpcEndpoint": client.describe_vpc_endpoints(),
            "transitGatewayRouteTable": client.describe_transit_gateway_route_tables(),
            "vpcPeering": client.describe_vpc_peering_connections(),
            "internetGateway": client.describe_internet_gateways(),
            "elasticIp": client.describe_addresses(),
            "natGateway": client.describe_nat_gateways(Filters=ours),
            "routeTable": client.describe_route_tables(Filters=ours),
            "securityGroup": client.describe_security_groups(Filters=ours),
            "directConnect": _describe_connections(endpoint),
        }
    recorded = {name: json.loads(path.read_bytes()) for name, path in RECORDED.items()}
    return {name: _printed(document) for name, document in described.items()} | recorded


def _describe_connections(endpoint: str) -> Document:
    """The connections of Direct Connect; moto makes ARNs of its own their ids, and leaves their owner out."""
    tags = [{"key": "Cost-Center", "value": "CC-1234"}, {"key": "environment", "value": "production"}]
    with service("directconnect", endpoint) as client:
        client.create_connection(location="EqDC2", bandwidth="1Gbps", connectionName="fra-1", tags=tags)
        document: Document = client.describe_connections()
    for connection in document["connections"]:
        connection |= {"connectionId": "dxcon-fg31dyv6", "ownerAccount": "123456789012"}
    return document


def _printed(document: Document) -> Document:
    """The document as the command line prints it: JSON, with times as text."""
    document.pop("ResponseMetadata")
    printed: Document = json.loads(json.dumps(document, default=str))
    return printed


def _tags(kind: str, name: str) -> list[Document]:
    tags = [{"Key": "Name", "Value": name}, {"Key": "Cost-Center", "Value": "CC-1234"}]
    return [{"ResourceType": kind, "Tags": [*tags, {"Key": "environment", "Value": "production"}]}]


def create_network(client: Any) -> str:
    """Create one small network, with something of every type; returns the VPC that it is about."""
    vpc = client.create_vpc(
        CidrBlock="10.20.0.0/16", AmazonProvidedIpv6CidrBlock=True, TagSpecifications=_tags("vpc", "core")
    )["Vpc"]["VpcId"]
    client.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.21.0.0/16")
    subnets = [
        client.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.20.{number}.0/24",
            AvailabilityZone=f"{REGION}{zone}",
            TagSpecifications=_tags("subnet", f"core-{zone}"),
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab", start=1)
    ]
    gateway = client.create_transit_gateway(Description="Hub", TagSpecifications=_tags("transit-gateway", "hub"))[
        "TransitGateway"
    ]["TransitGatewayId"]
    client.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=subnets)
    office = client.create_customer_gateway(
        Type="ipsec.1", PublicIp="203.0.113.7", BgpAsn=65001, TagSpecifications=_tags("customer-gateway", "office")
    )["CustomerGateway"]["CustomerGatewayId"]
    private = client.create_vpn_gateway(
        Type="ipsec.1", AmazonSideAsn=64600, TagSpecifications=_tags("vpn-gateway", "private")
    )["VpnGateway"]["VpnGatewayId"]
    client.attach_vpn_gateway(VpnGatewayId=private, VpcId=vpc)
    client.create_vpn_connection(CustomerGatewayId=office, Type="ipsec.1", TransitGatewayId=gateway)
    client.create_vpn_connection(CustomerGatewayId=office, Type="ipsec.1", VpnGatewayId=private)
    _create_endpoints(client, vpc, subnets)
    _create_ways_out(client, vpc, subnets[0])
    return str(vpc)


def _create_ways_out(client: Any, vpc: str, subnet: str) -> None:
    other = client.create_vpc(CidrBlock="10.40.0.0/16", TagSpecifications=_tags("vpc", "partner"))["Vpc"]["VpcId"]
    peering = client.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]
    client.accept_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    internet = client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    client.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    address = client.allocate_address(Domain="vpc")["AllocationId"]
    nat = client.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    routes = client.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    client.create_route(RouteTableId=routes, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    client.create_route(RouteTableId=routes, DestinationIpv6CidrBlock="::/0", GatewayId=internet)
    client.associate_route_table(RouteTableId=routes, SubnetId=subnet)
    group = client.create_security_group(GroupName="web", Description="HTTPS", VpcId=vpc)["GroupId"]
    ranges = [{"CidrIp": "10.0.0.0/8", "Description": "everybody"}]
    allowed = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 443, "IpRanges": ranges}
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=[allowed])


def _create_endpoints(client: Any, vpc: str, subnets: list[str]) -> None:
    routes = client.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    group = client.create_security_group(GroupName="endpoints", Description="HTTPS", VpcId=vpc)["GroupId"]
    client.create_vpc_endpoint(
        VpcId=vpc, VpcEndpointType="Gateway", ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[routes]
    )
    client.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Interface",
        ServiceName=f"com.amazonaws.{REGION}.ec2",
        SubnetIds=subnets,
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )
