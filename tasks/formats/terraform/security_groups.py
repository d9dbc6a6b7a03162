"""Security groups in a Terraform state, with their rules."""

from __future__ import annotations

from typing import Any

from tasks.formats.json.spool import Json
from tasks.formats.terraform.attributes import is_true, number_in, objects_in, texts_in
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.facts import Addition, Facts, Read, key_of


def _group_rules(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """The rules of a security group, in the shape that a `describe-security-groups` document gives them."""
    return [
        _rule(key_of(attributes.get("id")), direction, rule)
        for direction in ("ingress", "egress")
        for rule in objects_in(attributes.get(direction))
    ] or None


def _rule(own: str | None, direction: str, rule: Json) -> Json:
    """A rule of blocks, groups and prefix lists; `own` is the group that "self" means."""
    protocol = str(rule["protocol"]).lower() if rule.get("protocol") is not None else None
    every = protocol in ("-1", "all")  # has no ports, where Terraform writes 0
    groups = [*texts_in(rule.get("security_groups")), *([own] if own and is_true(rule.get("self")) else [])]
    description = {"Description": rule["description"]} if rule.get("description") else {}
    return {
        "direction": direction,
        "protocol": "-1" if every else protocol,
        "from_port": None if every else number_in(rule.get("from_port")),
        "to_port": None if every else number_in(rule.get("to_port")),
        "ipv4_ranges": [{"CidrIp": block} | description for block in texts_in(rule.get("cidr_blocks"))],
        "ipv6_ranges": [{"CidrIpv6": block} | description for block in texts_in(rule.get("ipv6_cidr_blocks"))],
        "groups": [_group(name) | description for name in groups],
        "prefix_lists": [{"PrefixListId": name} | description for name in texts_in(rule.get("prefix_list_ids"))],
    }


def _group(name: str) -> Json:
    """A group by its id; that of another account is written as `012345678901/sg-…`."""
    account, sign, group = name.partition("/")
    return {"UserId": account, "GroupId": group} if sign else {"GroupId": name}


def _security_group_rule(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """A rule of `aws_security_group_rule`: one or many blocks, a group, or the group itself."""
    direction = str(attributes.get("type"))
    group = attributes.get("source_security_group_id")
    rule = _rule(
        key_of(attributes.get("security_group_id")),
        direction,
        attributes | {"security_groups": [group] if isinstance(group, str) and not _names_itself(attributes) else []},
    )
    return rule if direction in ("ingress", "egress") and _source_count(rule) else None


def _names_itself(attributes: Json) -> bool:
    own = attributes.get("security_group_id")
    return is_true(attributes.get("self")) and attributes.get("source_security_group_id") == own


def _rule_reader(direction: str) -> Read:
    """A rule of `aws_vpc_security_group_ingress_rule`: one block, group or prefix list."""

    def value(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
        names = {
            "cidr_blocks": "cidr_ipv4",
            "ipv6_cidr_blocks": "cidr_ipv6",
            "security_groups": "referenced_security_group_id",
            "prefix_list_ids": "prefix_list_id",
        }
        sources = {ours: [attributes[theirs]] for ours, theirs in names.items() if attributes.get(theirs)}
        parts = {name: attributes.get(name) for name in ("from_port", "to_port", "description")}
        rule = _rule(None, direction, {"protocol": attributes.get("ip_protocol"), **parts, **sources})
        return rule if _source_count(rule) else None

    return value


SOURCES = {
    "ipv4_ranges": ("CidrIp",),
    "ipv6_ranges": ("CidrIpv6",),
    "groups": ("GroupId",),
    "prefix_lists": ("PrefixListId",),
}
"""Whom a rule is about: the lists of it, and the member by which an item of each is known."""


def _source_count(rule: Json) -> int:
    return sum(len(rule[name]) for name in SOURCES)


_SECURITY_GROUP: dict[str, Read] = {
    "security_group_id": "id",
    "group_name": "name",
    "vpc_id": "vpc_id",
    "rules": _group_rules,
}

ENTRIES: dict[str, tuple[Entry, ...]] = {
    "aws_security_group": (Entry("securityGroup", _SECURITY_GROUP),),
    "aws_default_security_group": (Entry("securityGroup", _SECURITY_GROUP),),
}
"""What resources are read as."""

_SINGLE_RULE_RESOURCES = ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")

ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "aws_security_group_rule": (Addition("securityGroup", "security_group_id", "rules", _security_group_rule),),
    **{
        kind: (Addition("securityGroup", "security_group_id", "rules", _rule_reader(kind.split("_")[4])),)
        for kind in _SINGLE_RULE_RESOURCES
    },
}
"""What resources add to records of others."""
