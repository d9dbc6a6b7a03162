"""VPC endpoints in a Terraform state."""

from __future__ import annotations

from typing import Any

from tasks.formats.json.spool import Json
from tasks.formats.terraform.attributes import known_attribute
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.facts import Addition, Facts


def _endpoint_type(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """The type of an endpoint; providers that do not have it knew gateways alone."""
    return attributes.get("vpc_endpoint_type") if "vpc_endpoint_type" in attributes else "Gateway"


ENTRIES: dict[str, tuple[Entry, ...]] = {
    "aws_vpc_endpoint": (
        Entry(
            "vpcEndpoint",
            {
                "vpc_endpoint_id": "id",
                "vpc_id": "vpc_id",
                "service_name": "service_name",
                "endpoint_type": _endpoint_type,
                "route_table_ids": known_attribute("route_table_ids"),
                "subnet_ids": known_attribute("subnet_ids"),
                "security_group_ids": known_attribute("security_group_ids"),
                "private_dns_enabled": "private_dns_enabled",
                "state": "state",
            },
        ),
    ),
}
"""What resources are read as."""

ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "aws_vpc_endpoint_route_table_association": (
        Addition("vpcEndpoint", "vpc_endpoint_id", "route_table_ids", "route_table_id"),
    ),
    "aws_vpc_endpoint_subnet_association": (Addition("vpcEndpoint", "vpc_endpoint_id", "subnet_ids", "subnet_id"),),
    "aws_vpc_endpoint_security_group_association": (
        Addition("vpcEndpoint", "vpc_endpoint_id", "security_group_ids", "security_group_id"),
    ),
    "aws_vpc_endpoint_private_dns": (
        Addition("vpcEndpoint", "vpc_endpoint_id", "private_dns_enabled", "private_dns_enabled"),
    ),
}
"""What resources add to records of others."""
