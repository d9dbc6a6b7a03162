"""Documents in the shapes that tools write, and the records that each holds; and documents that hold none of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import yaml

from benchmarks.corpus import values as v

Json = dict[str, Any]
Records = dict[str, dict[str, Json]]
"""Type → natural key → field → the value that is stored, as text."""


@dataclass(frozen=True)
class Document:
    """A file by its name and text, how it is imported, and the records that it holds; none of ours is to be refused."""

    shape: str
    name: str
    text: str
    records: Records
    options: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """What one region of an account has, in the EC2 API's own shape, and what of it is stored."""

    region: str
    account: str
    lists: dict[str, list[Json]]
    records: Records


def _tags(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def network(rng: Random) -> Network:
    """Draw a VPC with subnets, gateways and addresses."""
    region, account, second = v.region(rng), v.account(rng), rng.randint(0, 255)
    vpc, igw = v.drawn(rng, "vpc", "vpc_id"), v.drawn(rng, "internetGateway", "internet_gateway_id")
    block = f"10.{second}.0.0/16"
    common = {"account_id": account, "region": region}
    vpcs = [{"VpcId": vpc, "CidrBlock": block, "OwnerId": account, "State": "available", "IsDefault": False}]
    name, stage = v.word(rng), v.drawn(rng, "vpc", "environment")
    vpcs[0]["Tags"] = _tags({"Name": name, "Environment": stage})
    held: Records = {
        "vpc": {vpc: {"cidr_block": block, "name": name, "environment": stage, "state": "available"} | common}
    }
    subnets: list[Json] = []
    held["subnet"] = {}
    for number in range(rng.randint(1, 3)):
        subnet, label = v.drawn(rng, "subnet", "subnet_id"), v.word(rng)
        inner, zone = f"10.{second}.{number}.0/24", f"{region}{rng.choice('abc')}"
        known = {"SubnetId": subnet, "VpcId": vpc, "CidrBlock": inner, "AvailabilityZone": zone, "OwnerId": account}
        subnets.append(known | {"State": "available", "Tags": _tags({"Name": label})})
        held["subnet"][subnet] = {"vpc_id": vpc, "cidr_block": inner, "availability_zone": zone, "name": label} | common
    gateway: Json = {"InternetGatewayId": igw, "OwnerId": account}
    gateways = [gateway | {"Attachments": [{"VpcId": vpc, "State": "available"}]}]
    held["internetGateway"] = {igw: {"vpc_id": vpc} | common}
    customer, asn, peer = (
        v.drawn(rng, "customerGateway", "customer_gateway_id"),
        rng.randint(64_512, 65_534),
        v.address(rng),
    )
    customers = [
        {"CustomerGatewayId": customer, "Type": "ipsec.1", "IpAddress": peer, "BgpAsn": str(asn), "State": "available"}
    ]
    held["customerGateway"] = {customer: {"type": "ipsec.1", "ip_address": peer, "bgp_asn": str(asn), "region": region}}
    lists = {"Vpcs": vpcs, "Subnets": subnets, "InternetGateways": gateways, "CustomerGateways": customers}
    return Network(region, account, lists, held)


def _of(found: Network, *types: str) -> Records:
    return {name: found.records[name] for name in types}


def _given(found: Network) -> Json:
    return {"constants": {"region": found.region, "account_id": found.account}}


# AWS ------------------------------------------------------------------------------------------------------------------


def describe(rng: Random) -> Document:
    """The answer of one `describe` call."""
    found = network(rng)
    return Document(
        "describe", "subnets.json", json.dumps({"Subnets": found.lists["Subnets"]}), _of(found, "subnet"), _given(found)
    )


def region_dump(rng: Random) -> Document:
    """All lists of a region in one object."""
    found = network(rng)
    return Document("region dump", "region.json", json.dumps(found.lists, indent=1), found.records, _given(found))


def pages(rng: Random) -> Document:
    """Pages one after the other, the last without a token."""
    first, second = network(rng), network(rng)
    text = (
        json.dumps({"Vpcs": first.lists["Vpcs"], "NextToken": "x"}) + "\n" + json.dumps({"Vpcs": second.lists["Vpcs"]})
    )
    held = {"vpc": _less(first.records["vpc"] | second.records["vpc"], "region")}
    return Document("concatenated pages", "vpcs.json", text, held)


def _less(records: dict[str, Json], *fields: str) -> dict[str, Json]:
    return {key: {name: value for name, value in known.items() if name not in fields} for key, known in records.items()}


def slurped(rng: Random) -> Document:
    """Pages as `jq -s` puts them into a list."""
    first, second = network(rng), network(rng)
    held = {"vpc": _less(first.records["vpc"] | second.records["vpc"], "region")}
    return Document(
        "slurped pages", "vpcs.json", json.dumps([{"Vpcs": each.lists["Vpcs"]} for each in (first, second)]), held
    )


def stream(rng: Random) -> Document:
    """Records as `jq '.Vpcs[]'` prints them."""
    first, second = network(rng), network(rng)
    text = "\n".join(json.dumps(each.lists["Vpcs"][0], indent=2) for each in (first, second))
    return Document(
        "jq stream", "vpcs.json", text, {"vpc": _less(first.records["vpc"] | second.records["vpc"], "region")}
    )


def by_region(rng: Random) -> Document:
    """Lists under the name of their region."""
    first, second = network(rng), network(rng)
    while second.region == first.region:
        second = network(rng)
    text = json.dumps({each.region: {"Vpcs": each.lists["Vpcs"]} for each in (first, second)})
    return Document("keyed by region", "vpcs.json", text, {"vpc": first.records["vpc"] | second.records["vpc"]})


def queried(rng: Random) -> Document:
    """What `--query 'Vpcs[].{ID: VpcId, CIDR: CidrBlock}'` prints."""
    found = network(rng)
    [vpc] = found.lists["Vpcs"]
    text = json.dumps([{"ID": vpc["VpcId"], "CIDR": vpc["CidrBlock"], "Default": vpc["IsDefault"]}])
    held = {vpc["VpcId"]: {"cidr_block": vpc["CidrBlock"]}}
    return Document("--query", "vpcs.json", text, {"vpc": held})


def in_yaml(rng: Random) -> Document:
    """What `aws --output yaml` prints."""
    found = network(rng)
    text = yaml.safe_dump({"Vpcs": found.lists["Vpcs"], "Subnets": found.lists["Subnets"]}, sort_keys=False)
    return Document("YAML", "region.yaml", text, _of(found, "vpc", "subnet"), _given(found))


def config(rng: Random) -> Document:
    """Items of AWS Config."""
    found = network(rng)
    [vpc] = found.lists["Vpcs"]
    shape = {"vpcId": vpc["VpcId"], "cidrBlock": vpc["CidrBlock"], "state": "available", "isDefault": False}
    item = {
        "configurationItemVersion": "1.3",
        "resourceType": "AWS::EC2::VPC",
        "resourceId": vpc["VpcId"],
        "awsRegion": found.region,
        "awsAccountId": found.account,
        "tags": {each["Key"]: each["Value"] for each in vpc["Tags"]},
        "configuration": shape | {"ownerId": found.account},
    }
    text = json.dumps({"fileVersion": "1.0", "configurationItems": [item]})
    return Document("AWS Config", "config.json", text, _of(found, "vpc"))


def steampipe(rng: Random) -> Document:
    """Rows of Steampipe's table aws_vpc_subnet."""
    found = network(rng)
    rows = [
        {
            "subnet_id": each["SubnetId"],
            "subnet_arn": f"arn:aws:ec2:{found.region}:{found.account}:subnet/{each['SubnetId']}",
            "vpc_id": each["VpcId"],
            "cidr_block": each["CidrBlock"],
            "availability_zone": each["AvailabilityZone"],
            "state": "available",
            "owner_id": found.account,
            "tags_src": each["Tags"],
            "title": each["Tags"][0]["Value"],
            "tags": {"Name": each["Tags"][0]["Value"]},
            "akas": [],
            "partition": "aws",
            "region": found.region,
            "account_id": found.account,
        }
        for each in found.lists["Subnets"]
    ]
    return Document("Steampipe", "subnets.json", json.dumps(rows), _of(found, "subnet"))


def custodian(rng: Random) -> Document:
    """resources.json of Cloud Custodian: records with members of its own."""
    found = network(rng)
    rows = [each | {"c7n:MatchedFilters": ["tag:Name"]} for each in found.lists["Subnets"]]
    return Document("Cloud Custodian", "resources.json", json.dumps(rows), _of(found, "subnet"), _given(found))


# Terraform ------------------------------------------------------------------------------------------------------------


def _resources(found: Network) -> list[tuple[str, str, Json]]:
    """Each resource of a state: its type, its name and its attributes."""
    made: list[tuple[str, str, Json]] = []
    for kind, names, key in (("aws_vpc", "vpc", "Vpcs"), ("aws_subnet", "subnet", "Subnets")):
        for number, each in enumerate(found.lists[key]):
            own = each["VpcId"] if names == "vpc" else each["SubnetId"]
            attributes = {
                "arn": f"arn:aws:ec2:{found.region}:{found.account}:{names}/{own}",
                "id": own,
                "cidr_block": each["CidrBlock"],
                "owner_id": found.account,
                "tags": {tag["Key"]: tag["Value"] for tag in each["Tags"]},
            }
            if names == "subnet":
                attributes |= {"vpc_id": each["VpcId"], "availability_zone": each["AvailabilityZone"]}
            made.append((kind, f"{names}{number}", attributes))
    return made


def _in_state(found: Network) -> Records:
    return {"vpc": _less(found.records["vpc"], "state"), "subnet": found.records["subnet"]}


def state(rng: Random) -> Document:
    """A Terraform state of version 4, with resources that are none of ours."""
    found = network(rng)
    resources = [
        {
            "mode": "managed",
            "type": kind,
            "name": name,
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": 1, "attributes": attributes}],
        }
        for kind, name, attributes in _resources(found)
    ]
    other = {"id": "i-0", "ami": "ami-0", "instance_type": "t3.micro"}
    resources.append({"mode": "managed", "type": "aws_instance", "name": "web", "instances": [{"attributes": other}]})
    text = {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": 7,
        "lineage": "a",
        "outputs": {},
        "resources": resources,
    }
    return Document("Terraform state 4", "network.tfstate", json.dumps(text), _in_state(found))


def shown_state(rng: Random) -> Document:
    """What `terraform show -json` prints of a state with a module."""
    found = network(rng)
    listed = [
        {
            "address": f"{kind}.{name}",
            "mode": "managed",
            "type": kind,
            "name": name,
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "values": attributes,
            "sensitive_values": {},
        }
        for kind, name, attributes in _resources(found)
    ]
    root = {"resources": listed[:1], "child_modules": [{"address": "module.net", "resources": listed[1:]}]}
    text = {"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": root}}
    return Document("terraform show -json", "state.json", json.dumps(text), _in_state(found))


# NetBox and Nautobot --------------------------------------------------------------------------------------------------


def _sites(rng: Random) -> list[str]:
    return rng.sample(v.PLACES, rng.randint(2, 4))


def netbox_page(rng: Random) -> Document:
    """A page of NetBox's sites."""
    names = _sites(rng)
    results = [
        {
            "id": number,
            "url": f"https://netbox.example/api/dcim/sites/{number}/",
            "display": name,
            "name": name,
            "slug": name.lower(),
            "status": {"value": "active", "label": "Active"},
            "region": {
                "id": 3,
                "url": "https://netbox.example/api/dcim/regions/3/",
                "name": "Europe",
                "slug": "europe",
            },
            "facility": f"DC {number}",
            "tags": [{"id": 1, "name": "Core", "slug": "core"}],
            "custom_fields": {},
        }
        for number, name in enumerate(names, start=1)
    ]
    page = {"count": len(names), "next": None, "previous": None, "results": results}
    held = {
        name: {"slug": name.lower(), "facility": f"DC {number}", "region_name": "Europe"}
        for number, name in enumerate(names, start=1)
    }
    return Document("NetBox REST", "sites.json", json.dumps(page), {"site": held})


def nautobot_page(rng: Random) -> Document:
    """A page of Nautobot's VLANs."""
    made = sorted({rng.randint(2, 4000) for _ in range(4)})
    results: list[Json] = [
        {
            "id": f"0b1f5b1e-6f0e-4f6f-8d0e-{number:012d}",
            "object_type": "ipam.vlan",
            "url": f"https://nautobot.example/api/ipam/vlans/0b1f5b1e-6f0e-4f6f-8d0e-{number:012d}/",
            "display": f"{v.WORDS[number % 10]} ({number})",
            "vid": number,
            "name": v.WORDS[number % 10],
            "status": {"id": "1f5b", "object_type": "extras.status", "name": "Active"},
            "vlan_group": None,
            "description": "",
            "tags": [],
        }
        for number in made
    ]
    page = {"count": len(made), "next": None, "previous": None, "results": results}
    held = {f"/{number}": {"name": v.WORDS[number % 10], "vid": str(number), "status": "active"} for number in made}
    return Document("Nautobot REST", "vlans.json", json.dumps(page), {"vlan": held})


def netbox_csv(rng: Random) -> Document:
    """NetBox's export of VRFs."""
    rows = [(f"customer {number}", f"65000:{number}") for number in sorted({rng.randint(1, 500) for _ in range(3)})]
    text = "id,name,rd,tenant,enforce_unique,description,tags\n"
    text += "".join(f'{number},{name},{rd},,True,,"core,edge"\n' for number, (name, rd) in enumerate(rows, start=1))
    return Document("NetBox CSV", "netbox_vrfs.csv", text, {"vrf": {rd: {"name": name, "rd": rd} for name, rd in rows}})


def named_list(rng: Random) -> Document:
    """An object whose list has the name of a type."""
    names = _sites(rng)
    text = json.dumps({"sites": [{"name": name, "slug": name.lower()} for name in names]})
    return Document("named list", "export.json", text, {"site": {name: {"slug": name.lower()} for name in names}})


# None of ours ---------------------------------------------------------------------------------------------------------


def route53(rng: Random) -> Document:
    """Records of DNS."""
    listed = [
        {"Name": f"{v.word(rng)}.example.com.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": v.address(rng)}]}
    ]
    return Document("none of ours", "dns.json", json.dumps({"ResourceRecordSets": listed}), {})


def reservations(rng: Random) -> Document:
    """Instances of EC2, which name VPCs and subnets."""
    own = {"InstanceId": v.aws_id("i")(rng), "VpcId": v.aws_id("vpc")(rng), "SubnetId": v.aws_id("subnet")(rng)}
    return Document("none of ours", "instances.json", json.dumps({"Reservations": [{"Instances": [own]}]}), {})


def people(rng: Random) -> Document:
    """A table of people."""
    text = "name,type,status,site\n" + "".join(
        f"{v.word(rng)},intern,active,{rng.choice(v.PLACES)}\n" for _ in range(3)
    )
    return Document("none of ours", "people.csv", text, {})


def manifest(rng: Random) -> Document:
    """A manifest of Kubernetes."""
    text = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": v.word(rng)},
        "spec": {"clusterIP": v.address(rng)},
    }
    return Document("none of ours", "service.yaml", yaml.safe_dump(text), {})


MAKERS: tuple[Callable[[Random], Document], ...] = (
    *(describe, region_dump, pages, slurped, stream, by_region, queried, in_yaml, config, steampipe, custodian),
    *(state, shown_state, netbox_page, nautobot_page, netbox_csv, named_list),
    *(route53, reservations, people, manifest),
)
"""What makes a document of each shape."""


def documents(rng: Random, count: int) -> list[Document]:
    """Return that many documents, each shape in turn."""
    return [MAKERS[number % len(MAKERS)](rng) for number in range(count)]
