"""Elastic IP: a public IPv4 address that an account holds.

Source: EC2 API, Address. In a Wavelength Zone an address is the carrier's, on an Outpost it may be the customer's own:
AWS answers it in a member of its own, and no public one.
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import RowRule, Unique


class ElasticIp(AwsRecord):
    """A public IPv4 address that an account holds."""

    allocation_id: str = f.aws_id(
        "eipalloc", "Allocation ID", required=True, aliases=("eip id", "eipalloc", "id"), aws="AllocationId"
    )
    public_ip: str = f.address(
        "Public IP",
        aliases=("elastic ip", "eip", "public ipv4 address", "allocated ipv4 address", "ip"),
        aws="PublicIp",
    )
    carrier_ip: str = f.address(
        "Carrier IP",
        aliases=("carrier ip address",),
        description="The address in the network of the carrier of a Wavelength Zone.",
        aws="CarrierIp",
        rare=True,
    )
    customer_owned_ip: str = f.address(
        "Customer-owned IP",
        example="198.51.100.7",
        aliases=("customer owned ip", "coip"),
        description="The address of the customer's own pool, on an Outpost.",
        aws="CustomerOwnedIp",
        rare=True,
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


_ADDRESSES = ("public_ip", "carrier_ip", "customer_owned_ip")


def _without_address() -> pl.Expr:
    return pl.all_horizontal(pl.col(name).is_null() for name in _ADDRESSES)


ELASTIC_IP = Resource(
    "elasticIp",
    "Elastic IP",
    ElasticIp,
    key=("allocation_id",),
    aliases=("eip", "elastic ip address", "address"),
    document=Document("Addresses", never=("account_id", "description")),
    row_rules=(
        RowRule(
            "address",
            "public_ip",
            _ADDRESSES,
            _without_address,
            "A public, a carrier or a customer-owned IP is expected, and all are empty: fill in one",
            Severity.WARNING,
            partial=True,
            source=citations.api("Address"),
        ),
    ),
    set_rules=(Unique("public_ip", source=citations.api("Address")),),
    source=citations.api("Address"),
)
