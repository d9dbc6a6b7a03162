"""Customer gateway: the customer's side of a site-to-site VPN.

Source: EC2 API, CustomerGateway and CreateCustomerGateway (AS numbers that are reserved in some regions).
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import AMAZON_ASNS, RowRule


class CustomerGateway(AwsRecord):
    """The customer's side of a site-to-site VPN."""

    customer_gateway_id: str = f.aws_id(
        "cgw", "Customer gateway ID", required=True, aliases=("cgw id", "cgw", "id"), aws="CustomerGatewayId"
    )
    type: str = f.enum("Type", "ipsec.1", required=True, aws="Type")
    ip_address: str = f.address("IP address", aliases=("public ip", "ip", "outside ip"), aws="IpAddress")
    certificate_arn: str = f.text(
        "Certificate ARN",
        matches=r"^arn:aws[a-z-]*:acm:",
        says="is not the ARN of a certificate: it begins with arn:aws:acm:",
        example="arn:aws:acm:us-east-1:012345678901:certificate/12345678-1234-1234-1234-123456789012",
        aws="CertificateArn",
    )
    bgp_asn: int = f.asn("BGP ASN", required=True, aliases=("asn", "as number"), aws="BgpAsnExtended || BgpAsn")
    device_name: str = f.text("Device name", longest=255, example="fra-edge-1", aliases=("device",), aws="DeviceName")
    state: str = f.enum(
        "State",
        *("pending", "available", "deleting", "deleted"),
        aliases=("status",),
        example="available",
        aws="State",
    )


def _without_address() -> pl.Expr:
    return pl.col("ip_address").is_null() & pl.col("certificate_arn").is_null()


def _reserved() -> pl.Expr:
    return pl.col("bgp_asn").is_in(AMAZON_ASNS)


CUSTOMER_GATEWAY = Resource(
    "customerGateway",
    "Customer gateway",
    CustomerGateway,
    key=("customer_gateway_id",),
    aliases=("cgw",),
    document=Document("CustomerGateways", never=("account_id", "description")),
    row_rules=(
        RowRule(
            "address",
            "ip_address",
            ("ip_address", "certificate_arn"),
            _without_address,
            "An IP address or a certificate ARN is required, and both are empty: fill in one",
            partial=True,
            source=citations.api("CreateCustomerGateway"),
        ),
        RowRule(
            "reserved_asn",
            "bgp_asn",
            ("bgp_asn",),
            _reserved,
            "is reserved by AWS in some regions: check the number",
            Severity.WARNING,
            source=citations.CUSTOMER_GATEWAYS,
        ),
    ),
    source=citations.api("CustomerGateway"),
)
