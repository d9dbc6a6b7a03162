"""Elastic IP: a public IPv4 address that an account holds.

Source: EC2 API, Address.
"""

from __future__ import annotations

from schemas import fields as f
from schemas.resource import AwsRecord, Document, Resource
from schemas.rules import Unique


class ElasticIp(AwsRecord):
    """A public IPv4 address that an account holds."""

    allocation_id: str = f.aws_id(
        "eipalloc", "Allocation ID", required=True, aliases=("eip id", "eipalloc", "id"), aws="AllocationId"
    )
    public_ip: str = f.address(
        "Public IP", required=True, aliases=("elastic ip", "eip", "public ipv4 address", "ip"), aws="PublicIp"
    )
    association_id: str = f.aws_id("eipassoc", "Association ID", aliases=("association",), aws="AssociationId")
    network_interface_id: str = f.aws_id(
        "eni", "Network interface ID", aliases=("eni id", "eni", "network interface"), aws="NetworkInterfaceId"
    )
    public_ipv4_pool: str = f.text(
        "Public IPv4 pool",
        example="amazon",
        aliases=("address pool", "pool"),
        description="The pool that the address is from: amazon, or one of addresses that the account brought along.",
        aws="PublicIpv4Pool",
    )
    network_border_group: str = f.text(
        "Network border group",
        example="us-east-1",
        description="The zones from which AWS announces the address.",
        aws="NetworkBorderGroup",
    )


ELASTIC_IP = Resource(
    "elasticIp",
    "Elastic IP",
    ElasticIp,
    key=("allocation_id",),
    aliases=("eip", "elastic ip address", "address"),
    document=Document("Addresses", never=("account_id", "description")),
    set_rules=(Unique("public_ip"),),
)
