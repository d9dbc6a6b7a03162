"""The registry of the resources of Terraform's provider for AWS: what record each becomes.

Attributes: hashicorp/aws, the pages of its registry, and what its resources read back (`internal/service/ec2`). Only
what stands here is ever read, so that no pre-shared key and no configuration is.

A state knows only what Terraform manages. A field that a resource does not have is left as it is stored; of a list that
several resources fill, the state may have a part (see `tasks.values.partial_fields`).
"""

from __future__ import annotations

from schemas.resources import RESOURCES
from tasks.formats.json.spool import Json
from tasks.formats.terraform import endpoints, gateways, routes, security_groups, transit_gateways, vpcs
from tasks.formats.terraform.entry import entry_of
from tasks.formats.terraform.facts import TAG, Facts, key_of
from tasks.formats.terraform.merged_lists import LISTS


def learn(facts: Facts, kind: str, attributes: Json) -> None:
    """Note what a resource says of others that is not a value of one of their fields."""
    given = {name: key_of(attributes.get(name)) or "" for name in ("id", "vpc_id", "route_table_id", "resource_id")}
    if kind in ("aws_subnet", "aws_default_subnet") and given["id"] and given["vpc_id"]:
        facts.vpc_of[given["id"]] = given["vpc_id"]
    elif kind in ("aws_vpc", "aws_default_vpc") and (main := key_of(attributes.get("main_route_table_id"))):
        facts.main_of_vpc[given["id"]] = main
    elif kind == "aws_main_route_table_association" and given["vpc_id"]:
        facts.main[given["vpc_id"]] = given["route_table_id"]
    elif kind == TAG and given["resource_id"] and (name := key_of(attributes.get("key"))):
        facts.tags[given["resource_id"]][name] = attributes.get("value")


_AREAS = (vpcs, endpoints, routes, security_groups, gateways, transit_gateways)

ENTRIES = {
    name: known
    for area in _AREAS
    for name, entries in area.ENTRIES.items()
    if (known := tuple(entry for entry in entries if entry.type in RESOURCES))
} | {declared.name: (entry_of(each.type, declared),) for each in RESOURCES.values() for declared in each.terraform}
"""What each resource type of the provider is read as; a VPN connection to a transit gateway is an attachment, too."""

ADDITIONS = {
    name: known
    for area in _AREAS
    for name, additions in area.ADDITIONS.items()
    if (known := tuple(addition for addition in additions if addition.type in RESOURCES))
}
"""What resources add to records of others."""


def _check_registry() -> None:
    """Refuse a registry that names a field which its type has not."""
    named = [(entry.type, name) for entries in ENTRIES.values() for entry in entries for name in entry.fields]
    added = [(each.type, each.field) for additions in ADDITIONS.values() for each in additions]
    for resource_type, name in (*named, *added, *LISTS):
        if resource_type in RESOURCES and name not in RESOURCES[resource_type].fields:
            raise TypeError(f"Terraform: {resource_type} has no field {name}")


_check_registry()
