"""Security group: which traffic may reach and leave what is in it.

Source: EC2 API, SecurityGroup and IpPermission (ports of TCP and UDP; types and codes of ICMP).
"""

from __future__ import annotations

from typing import Any

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Objects, Reference, Unique, lists_objects, objects_rule

_RULES = (
    '[{"direction":"ingress","from_port":443,"ipv4_ranges":[{"CidrIp":"10.0.0.0/8"}],"protocol":"tcp","to_port":443}]'
)


def _permissions(member: str, direction: str) -> str:
    return (
        f"{member}[].{{direction: '{direction}', protocol: IpProtocol, from_port: FromPort, to_port: ToPort, "
        "ipv4_ranges: IpRanges, ipv6_ranges: Ipv6Ranges, groups: UserIdGroupPairs, prefix_lists: PrefixListIds}"
    )


class SecurityGroup(AwsRecord):
    """Which traffic may reach and leave what is in it."""

    security_group_id: str = f.aws_id(
        "sg", "Security group ID", required=True, aliases=("group id", "sg id", "sg", "id"), aws="GroupId"
    )
    group_name: str = f.text(
        "Group name", longest=255, required=True, example="web", aliases=("security group name",), aws="GroupName"
    )
    vpc_id: str = f.aws_id("vpc", "VPC ID", required=True, aliases=("vpc",), aws="VpcId")
    rules: str = f.json(
        "Rules",
        example=_RULES,
        aliases=("permissions",),
        description="The rules as JSON: direction (ingress, egress), protocol, ports, and whom they are about.",
        aws=f"[{_permissions('IpPermissions', 'ingress')}, {_permissions('IpPermissionsEgress', 'egress')}][]",
    )


_WITH_PORTS = {"tcp", "udp", "6", "17"}


def _ports(rule: dict[str, Any]) -> tuple[Any, Any]:
    return rule.get("from_port", rule.get("FromPort")), rule.get("to_port", rule.get("ToPort"))


def _has_ports(rule: dict[str, Any]) -> bool:
    return str(rule.get("protocol", rule.get("IpProtocol"))).lower() in _WITH_PORTS


def _no_port(rules: Objects) -> bool:
    return any(not _is_port(port) for rule in rules if _has_ports(rule) for port in _ports(rule))


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65_535


def _falling(rules: Objects) -> bool:
    ranges = [_ports(rule) for rule in rules if _has_ports(rule)]
    return any(first > last for first, last in ranges if _is_port(first) and _is_port(last))


SECURITY_GROUP = Resource(
    "securityGroup",
    "Security group",
    SecurityGroup,
    key=("security_group_id",),
    aliases=("sg",),
    document=Document("SecurityGroups"),
    row_rules=(
        lists_objects("rules", _RULES, source=citations.api("IpPermission")),
        objects_rule(
            "ports",
            "rules",
            _no_port,
            "has a rule of TCP or UDP whose ports are not 0 to 65535: correct them",
            source=citations.api("IpPermission"),
        ),
        objects_rule(
            "port_order",
            "rules",
            _falling,
            "has a rule whose first port is above its last: swap them",
            source=citations.api("IpPermission"),
        ),
    ),
    set_rules=(
        Reference("vpc_id", "vpc", source=citations.api("SecurityGroup")),
        Unique("group_name", within=("vpc_id",), source=citations.api("CreateSecurityGroup")),
    ),
    source=citations.api("SecurityGroup"),
)
