"""Records of AWS as inventories have them, turned into those of the describe calls.

The inventories are AWS Config, the Cloud Control API and Steampipe.

Shapes: AWS Config API, ConfigurationItem, and the schema of its advanced queries (awslabs/aws-config-resource-schema);
Cloud Control API, ResourceDescription; CloudFormation resource types AWS::EC2::*; the tables of Steampipe's AWS plugin.
None of them is a whole record of a describe call: what they do not have stays as it is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.language.spelling import plain
from schemas.sources import NOTE
from tasks.formats.aws.document import SHAPES, Shape, by_key, type_of_id

Json = dict[str, Any]

_KINDS = {
    "VPC": "Vpcs",
    "Subnet": "Subnets",
    "TransitGateway": "TransitGateways",
    "TransitGatewayAttachment": "TransitGatewayVpcAttachments",
    "TransitGatewayVpcAttachment": "TransitGatewayVpcAttachments",
    "TransitGatewayPeeringAttachment": "TransitGatewayPeeringAttachments",
    "TransitGatewayConnect": "TransitGatewayConnects",
    "TransitGatewayRouteTable": "TransitGatewayRouteTables",
    "CustomerGateway": "CustomerGateways",
    "VPNGateway": "VpnGateways",
    "VPNConnection": "VpnConnections",
    "VPCEndpoint": "VpcEndpoints",
    "VPCPeeringConnection": "VpcPeeringConnections",
    "InternetGateway": "InternetGateways",
    "EIP": "Addresses",
    "NatGateway": "NatGateways",
    "RouteTable": "RouteTables",
    "SecurityGroup": "SecurityGroups",
}

LISTS = ("configurationItems", "baseConfigurationItems", "ResourceDescriptions")
"""The lists of these inventories, by their names."""

CAPTURED = f"{NOTE} captured"
"""A column of the time at which an item was recorded: a history has several of one resource."""

SINGLE = ("configurationItem", "ResourceDescription")
"""The members that hold one item, as a notification has it."""

# What becomes of a resource that is no more (ConfigurationItemStatus).
_GONE = ("ResourceDeleted", "ResourceDeletedNotRecorded")


@dataclass(frozen=True)
class Item:
    """A resource: `shape` is None where it is of a type that is not recorded, `record` where it is gone."""

    kind: str
    shape: Shape | None = None
    record: Json | None = None


def is_item(record: Json) -> bool:
    """Say whether a record is an item of AWS Config or of Cloud Control."""
    kind = record.get("resourceType")
    of_config = isinstance(kind, str) and kind.startswith("AWS::") and ("configuration" in record or "arn" in record)
    return of_config or {"Identifier", "Properties"} <= record.keys()


def read(item: Json) -> Item:
    """Turn an item into a record of a describe call."""
    return _item_of_cloud_control(item) if "Properties" in item else _item_of_config(item)


def _item_of_config(item: Json) -> Item:
    found = _parsed_object(item.get("configuration"))
    configuration: Json = _pascal(found) if isinstance(found, dict) else {}
    key = item.get("resourceId")
    kind = str(item.get("resourceType") or "")
    shape = _shape(kind, key)
    if shape is None:
        return Item(kind or str(key))
    if item.get("configurationItemStatus") in _GONE:
        return Item(kind, shape)
    record = _with_ec2_names(shape, configuration, key)
    if "tags" in item:
        record["Tags"] = _tags(item["tags"])
    shape.put(record, item.get("awsAccountId") or item.get("accountId"), item.get("awsRegion"))
    if item.get("configurationItemCaptureTime"):
        record[CAPTURED] = item["configurationItemCaptureTime"]
    return Item(kind, shape, record)


def _item_of_cloud_control(item: Json) -> Item:
    properties, key = _parsed_object(item["Properties"]), item.get("Identifier")
    kind = str(item.get("TypeName") or "")
    shape = _shape(kind, key)
    if shape is None or not isinstance(properties, dict):
        return Item(kind or str(key))
    return Item(kind, shape, _with_ec2_names(shape, dict(properties), key))


def _shape(kind: str, key: Any) -> Shape | None:
    """The shape of a resource by its type or, where that is not named, by its id."""
    if kind:
        return SHAPES.get(_KINDS.get(kind.removeprefix("AWS::EC2::"), ""))
    resource = type_of_id(key)
    return SHAPES[resource.document.key] if resource and resource.document else None


def _parsed_object(value: Any) -> Any:
    """A value that may be JSON within JSON."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def _pascal(value: Any) -> Any:
    """A value with the names of the EC2 API, which the SDK for Java begins with a small letter."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _pascal(inner) for name, inner in value.items()}
    return [_pascal(inner) for inner in value] if isinstance(value, list) else value


def _tags(tags: Any) -> Any:
    """Tags as the EC2 API lists them, from an object or from what a query lists."""
    if isinstance(tags, dict):
        return [{"Key": key, "Value": value} for key, value in tags.items()]
    named = [tag for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    return [{"Key": tag.get("key", tag.get("Key")), "Value": tag.get("value", tag.get("Value"))} for tag in named]


def _with_ec2_names(shape: Shape, record: Json, key: Any) -> Json:
    """What CloudFormation and the SDK for Java call otherwise, as the EC2 API calls it."""
    spelt = {plain(member): member for member in (*shape.heads, "Tags")}
    record = {spelt.get(plain(name), name): value for name, value in record.items()}
    own = record.pop("Id", None)
    if shape.id not in record and (key or own):
        record[shape.id] = own if type_of_id(own) is shape.resource else key
    for path in shape.nested:
        head, leaf = path
        if leaf in record and head not in record:
            record[head] = {inner: record.pop(inner) for at, inner in shape.nested if at == head and inner in record}
    for convert in (_group, _endpoint, _peering):
        convert(shape, record)
    return record


def _group(shape: Shape, record: Json) -> None:
    if shape.key != "SecurityGroups":
        return
    if "GroupDescription" in record:
        record.setdefault("Description", record.pop("GroupDescription"))
    for direction, member in _RULES:
        if isinstance(rules := record.pop(direction, None), list):
            record.setdefault(member, [_permission(rule) for rule in rules if isinstance(rule, dict)])
        for permission in record.get(member) or ():
            if isinstance(permission, dict):
                _with_ranges(permission)


_RULES = (("SecurityGroupIngress", "IpPermissions"), ("SecurityGroupEgress", "IpPermissionsEgress"))


def _with_ranges(permission: Json) -> None:
    """The SDK for Java lists blocks twice: as text, and as objects under a name of its own."""
    blocks = permission.pop("Ipv4Ranges", None) or permission.get("IpRanges") or []
    permission["IpRanges"] = [{"CidrIp": block} if isinstance(block, str) else block for block in blocks]


def _permission(rule: Json) -> Json:
    """One rule of CloudFormation, which has one source or target."""
    more = {"Description": rule["Description"]} if rule.get("Description") else {}
    found: Json = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    for direction in ("Source", "Destination"):
        if group := rule.get(f"{direction}SecurityGroupId"):
            found["UserIdGroupPairs"] = [{"GroupId": group, **more}]
        if prefix_list := rule.get(f"{direction}PrefixListId"):
            found["PrefixListIds"] = [{"PrefixListId": prefix_list, **more}]
    if rule.get("CidrIp"):
        found["IpRanges"] = [{"CidrIp": rule["CidrIp"], **more}]
    if rule.get("CidrIpv6"):
        found["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **more}]
    return found


def _endpoint(shape: Shape, record: Json) -> None:
    if shape.key == "VpcEndpoints" and isinstance(groups := record.pop("SecurityGroupIds", None), list):
        record.setdefault("Groups", [{"GroupId": group} for group in groups])


def _peering(shape: Shape, record: Json) -> None:
    if shape.key == "VpcPeeringConnections" and "PeerVpcId" in record:
        names = {"PeerVpcId": "VpcId", "PeerOwnerId": "OwnerId", "PeerRegion": "Region"}
        record["AccepterVpcInfo"] = {to: record.pop(name) for name, to in names.items() if name in record}
        record["RequesterVpcInfo"] = {"VpcId": record.pop("VpcId", None)}


# Steampipe ------------------------------------------------------------------------------------------------------------

# Columns of every table that say something else than AWS does: the title is the name or the id.
_ADDED = ("title", "akas", "partition", "tags", "tags_src", "_ctx", "sp_ctx", "sp_connection_name")


def is_row(record: Json) -> bool:
    """Say whether a record is a row of a table of Steampipe's AWS plugin."""
    return "tags_src" in record or {"akas", "partition"} <= record.keys()


def row(record: Json) -> tuple[Shape, Json] | None:
    """Turn a row into a record of a describe call; None for a table whose key has another name there."""
    found: Json = {_camel(name): value for name, value in record.items() if name not in _ADDED}
    if (shape := by_key(found)) is None:
        return None
    if isinstance(record.get("tags_src"), list) or "tags" in record:
        source_tags = record.get("tags_src")
        found["Tags"] = source_tags if isinstance(source_tags, list) else _tags(record["tags"])
    account, region = found.pop("AccountId", None), found.pop("Region", None)
    shape.put(found, account, region)
    return shape, found


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split("_", name))
