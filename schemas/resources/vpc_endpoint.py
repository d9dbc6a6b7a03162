"""VPC endpoint: private access from a VPC to a service.

Source: EC2 API, VpcEndpoint and CreateVpcEndpoint; AWS PrivateLink guide (what each type of endpoint takes). An
Interface endpoint may have no subnets, and a service may be in another region (`ServiceRegion`); endpoints of resources
and service networks name those in place of a service.
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Reference, RowRule


class VpcEndpoint(AwsRecord):
    """Private access from a VPC to a service."""

    vpc_endpoint_id: str = f.aws_id(
        "vpce", "VPC endpoint ID", required=True, aliases=("endpoint id", "vpce id", "vpce", "id"), aws="VpcEndpointId"
    )
    vpc_id: str = f.aws_id("vpc", "VPC ID", required=True, aliases=("vpc",), aws="VpcId")
    service_name: str = f.text(
        "Service name", example="com.amazonaws.us-east-1.s3", aliases=("service",), aws="ServiceName"
    )
    service_region: str = f.region(
        "Service region",
        description="The region of the service, where it is another than the endpoint's.",
        aws="ServiceRegion",
        rare=True,
    )
    resource_configuration_arn: str = f.text(
        "Resource configuration ARN",
        example="arn:aws:vpc-lattice:us-east-1:012345678901:resourceconfiguration/rcfg-0a1b2c3d4e5f60718",
        description="What a Resource endpoint gives access to.",
        aws="ResourceConfigurationArn",
        rare=True,
    )
    service_network_arn: str = f.text(
        "Service network ARN",
        example="arn:aws:vpc-lattice:us-east-1:012345678901:servicenetwork/sn-0a1b2c3d4e5f60718",
        description="What a ServiceNetwork endpoint gives access to.",
        aws="ServiceNetworkArn",
        rare=True,
    )
    endpoint_type: str = f.enum(
        "Endpoint type",
        *("Interface", "Gateway", "GatewayLoadBalancer", "Resource", "ServiceNetwork", "Tunnel"),
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


def _balancer_with_subnets() -> pl.Expr:
    return _is("GatewayLoadBalancer") & (pl.col("subnet_ids").list.len() > 1)


_OF_SERVICES = ("Interface", "Gateway", "GatewayLoadBalancer")


def _without_service() -> pl.Expr:
    return pl.col("endpoint_type").is_in(_OF_SERVICES) & pl.col("service_name").is_null()


def _service_elsewhere() -> pl.Expr:
    named = pl.col("service_name").str.extract(
        r"^(?:com\.amazonaws|aws\.api|aws\.sagemaker)\.(?:vpce\.)?([a-z0-9-]+-\d)\."
    )
    return named != pl.coalesce("service_region", "region")


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
            source=citations.api("VpcEndpoint"),
        ),
        RowRule(
            "route_tables",
            "route_table_ids",
            ("endpoint_type", "route_table_ids"),
            _no_gateway_with_routes,
            "are route tables, which only Gateway endpoints have: remove them, or correct the endpoint type",
            source=citations.api("VpcEndpoint"),
        ),
        RowRule(
            "one_subnet",
            "endpoint_type",
            ("endpoint_type", "subnet_ids"),
            _balancer_with_subnets,
            "endpoints have one subnet: check whether the others are this endpoint's",
            Severity.WARNING,
            source=citations.api("CreateVpcEndpoint"),
        ),
        RowRule(
            "service",
            "service_name",
            ("endpoint_type", "service_name"),
            _without_service,
            "Service name is required for Interface, Gateway and GatewayLoadBalancer endpoints, and the cell is empty",
            partial=True,
            in_service=True,
            source=citations.api("CreateVpcEndpoint"),
        ),
        RowRule(
            "service_region",
            "service_name",
            ("service_name", "service_region", "region"),
            _service_elsewhere,
            "is a service of another region than the endpoint's: name its region in service_region, or correct it",
            Severity.WARNING,
            partial=True,
            source=citations.CROSS_REGION,
        ),
    ),
    set_rules=(Reference("vpc_id", "vpc", source=citations.api("VpcEndpoint")),),
    source=citations.api("VpcEndpoint"),
)
