"""VPC endpoint: private access from a VPC to a service.

Source: EC2 API, VpcEndpoint and CreateVpcEndpoint; AWS PrivateLink guide (what each type of endpoint takes).
"""

from __future__ import annotations

import polars as pl

from schemas import fields as f
from schemas.resource import AwsRecord, Document, Resource
from schemas.rules import Reference, RowRule


class VpcEndpoint(AwsRecord):
    """Private access from a VPC to a service."""

    vpc_endpoint_id: str = f.aws_id(
        "vpce", "VPC endpoint ID", required=True, aliases=("endpoint id", "vpce id", "vpce", "id"), aws="VpcEndpointId"
    )
    vpc_id: str = f.aws_id("vpc", "VPC ID", required=True, aliases=("vpc",), aws="VpcId")
    service_name: str = f.text(
        "Service name", required=True, example="com.amazonaws.us-east-1.s3", aliases=("service",), aws="ServiceName"
    )
    endpoint_type: str = f.enum(
        "Endpoint type",
        *("Interface", "Gateway", "GatewayLoadBalancer", "Resource", "ServiceNetwork"),
        required=True,
        example="Gateway",
        aliases=("type", "vpc endpoint type"),
        aws="VpcEndpointType",
    )
    route_table_ids: pl.List = f.texts(
        "Route table IDs", example="rtb-0a1b2c3d", aliases=("route tables",), aws="RouteTableIds"
    )
    subnet_ids: pl.List = f.texts("Subnet IDs", example="subnet-0a1b2c3d", aliases=("subnets",), aws="SubnetIds")
    security_group_ids: pl.List = f.texts(
        "Security group IDs", example="sg-0a1b2c3d", aliases=("security groups", "groups"), aws="Groups[].GroupId"
    )
    private_dns_enabled: bool = f.boolean(
        "Private DNS enabled", aliases=("private dns", "private dns names enabled"), aws="PrivateDnsEnabled"
    )
    state: str = f.enum(
        "State",
        *("PendingAcceptance", "Pending", "Available", "Deleting", "Deleted", "Rejected", "Failed", "Expired"),
        *("Partial",),
        # The API's model has them so, and its answers begin with a small letter.
        any_case=True,
        aliases=("status",),
        example="Available",
        aws="State",
    )


def _is(kind: str) -> pl.Expr:
    return pl.col("endpoint_type") == kind


def _gateway_with_more() -> pl.Expr:
    return _is("Gateway") & (pl.col("subnet_ids").is_not_null() | pl.col("security_group_ids").is_not_null())


def _no_gateway_with_routes() -> pl.Expr:
    return (pl.col("endpoint_type") != "Gateway") & pl.col("route_table_ids").is_not_null()


def _balancer_without_one_subnet() -> pl.Expr:
    return _is("GatewayLoadBalancer") & (pl.col("subnet_ids").list.len().fill_null(0) != 1)


def _interface_without_subnet() -> pl.Expr:
    return _is("Interface") & pl.col("subnet_ids").is_null()


def _service_elsewhere() -> pl.Expr:
    named = pl.col("service_name").str.extract(
        r"^(?:com\.amazonaws|aws\.api|aws\.sagemaker)\.(?:vpce\.)?([a-z0-9-]+-\d)\."
    )
    return named != pl.col("region")


VPC_ENDPOINT = Resource(
    "vpcEndpoint",
    "VPC endpoint",
    VpcEndpoint,
    key=("vpc_endpoint_id",),
    aliases=("endpoint", "vpce"),
    document=Document("VpcEndpoints", never=("description",)),
    row_rules=(
        RowRule(
            "gateway_endpoint",
            "endpoint_type",
            ("endpoint_type", "subnet_ids", "security_group_ids"),
            _gateway_with_more,
            "endpoints take route tables only: remove the subnets and security groups",
            partial=True,
        ),
        RowRule(
            "route_tables",
            "route_table_ids",
            ("endpoint_type", "route_table_ids"),
            _no_gateway_with_routes,
            "are route tables, which only Gateway endpoints have",
        ),
        RowRule(
            "one_subnet",
            "endpoint_type",
            ("endpoint_type", "subnet_ids"),
            _balancer_without_one_subnet,
            "endpoints have exactly one subnet",
        ),
        RowRule(
            "subnets",
            "endpoint_type",
            ("endpoint_type", "subnet_ids"),
            _interface_without_subnet,
            "endpoints have at least one subnet, and none is given",
        ),
        RowRule(
            "service_region",
            "service_name",
            ("service_name", "region"),
            _service_elsewhere,
            "is a service of another region than the endpoint's",
        ),
    ),
    set_rules=(Reference("vpc_id", "vpc"),),
)
