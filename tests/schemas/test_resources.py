"""Resource types: each declaration holds together, and fits the AWS API where it claims to."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import boto3
import polars as pl
import pytest

from schemas.errors import UnknownType
from schemas.model import fields as f
from schemas.model.documents import Document, View
from schemas.model.kinds.text import TEXT
from schemas.model.resource import AwsRecord, Record, Resource
from schemas.model.rules import AMAZON_ASNS, NoOverlap, Reference, ReferenceRule, RowRule, SetRule
from schemas.resources import RESOURCES, resource
from schemas.resources.vpc import VPC

EVERY = pytest.mark.parametrize("resource_type", RESOURCES.values(), ids=RESOURCES.keys())
AWS = {name: declared for name, declared in RESOURCES.items() if declared.document}
EVERY_AWS = pytest.mark.parametrize("resource_type", AWS.values(), ids=AWS.keys())


# Fields ---------------------------------------------------------------------------------------------------------------

FIELDS = [(declared, name) for declared in RESOURCES.values() for name in declared.fields]


@pytest.mark.parametrize(("resource_type", "name"), FIELDS, ids=[f"{r.type}.{name}" for r, name in FIELDS])
def test_examples_are_valid(resource_type: Resource, name: str) -> None:
    """Each field's example is read without a repair, and passes the field's own checks."""
    spec = resource_type.fields[name]
    column = pl.Series(name, [spec.example])
    values = spec.kind.read(column).alias(name)
    assert values.null_count() == 0, f"{spec.example!r} is not {spec.kind.wants}"
    resource_type.schema.select_columns([name]).validate(values.to_frame())
    if spec.kind.repair:
        stored = values.list.join(",") if isinstance(values.dtype, pl.List) else values.cast(pl.String)
        assert stored.to_list() == [spec.example]


@EVERY
def test_every_type_reads_its_own_headers(resource_type: Resource) -> None:
    """Names and titles of fields are different, and a title says more than a name."""
    titles = [spec.title for spec in resource_type.fields.values()]
    assert len(set(titles)) == len(titles)
    assert all(title[0].isupper() and "_" not in title for title in titles)


@EVERY
def test_a_type_is_documented(resource_type: Resource) -> None:
    """A type says in one sentence what it is, and its module where its rules come from."""
    assert re.fullmatch(r"[^\n]+\.", resource_type.model.__doc__ or "")
    assert issubclass(resource_type.model, AwsRecord) == bool(resource_type.document)


def test_references_point_backwards() -> None:
    """A type comes after those that it refers to, so that loading in order finds them; and all of them exist."""
    order = list(RESOURCES)
    for declared in RESOURCES.values():
        for rule in declared.rules(ReferenceRule):
            for to in rule.types:
                assert order.index(to) <= order.index(declared.type)


@EVERY
def test_references_use_values_that_exist(resource_type: Resource) -> None:
    """A reference that is asked of some rows alone names a value that its field can have."""
    for rule in resource_type.rules(Reference):
        if rule.when:
            field, value = rule.when
            assert value in resource_type.fields[field].choices


# Rules of a row -------------------------------------------------------------------------------------------------------

BROKEN_AND_KEPT: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "subnet.required": [
        ({"cidr_block": None, "ipv6_cidr_block": None}, {"cidr_block": None, "ipv6_cidr_block": "2001:db8::/64"}),
        ({"cidr_block": None, "ipv6_cidr_block": None}, {"cidr_block": "10.0.0.0/24", "ipv6_cidr_block": None}),
    ],
    "subnet.zone": [
        (
            {"availability_zone": "us-east-2a", "region": "us-east-1"},
            {"availability_zone": "us-east-1-bos-1a", "region": "us-east-1"},
        ),
        (
            {"availability_zone": "us-west-1-wl1-las-wlz-1", "region": "us-west-2"},
            {"availability_zone": "us-east-1-wl1-bos-wlz-1", "region": "us-east-1"},
        ),
    ],
    "transitGateway.range": [
        ({"amazon_side_asn": 64_511}, {"amazon_side_asn": 64_512}),
        ({"amazon_side_asn": 65_535}, {"amazon_side_asn": 65_534}),
        ({"amazon_side_asn": 4_294_967_295}, {"amazon_side_asn": 4_200_000_000}),
    ],
    "transitGateway.prefix_length": [
        ({"cidr_blocks": ["10.0.0.0/16", "10.1.0.0/25"]}, {"cidr_blocks": ["10.0.0.0/24", "2001:db8::/64"]}),
        ({"cidr_blocks": ["2001:db8::/65"]}, {"cidr_blocks": None}),
    ],
    "customerGateway.address": [
        ({"ip_address": None, "certificate_arn": None}, {"ip_address": "203.0.113.7", "certificate_arn": None}),
        ({"ip_address": None, "certificate_arn": None}, {"ip_address": None, "certificate_arn": "arn:aws:acm:x"}),
    ],
    "customerGateway.reserved_asn": [({"bgp_asn": asn}, {"bgp_asn": asn + 1}) for asn in AMAZON_ASNS],
    "vpcEndpoint.gateway_endpoint": [
        (
            {"endpoint_type": "Gateway", "subnet_ids": ["subnet-1"], "security_group_ids": None},
            {"endpoint_type": "Gateway", "subnet_ids": None, "security_group_ids": None},
        ),
        (
            {"endpoint_type": "Gateway", "subnet_ids": None, "security_group_ids": ["sg-1"]},
            {"endpoint_type": "Interface", "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]},
        ),
    ],
    "vpcEndpoint.route_tables": [
        (
            {"endpoint_type": "Interface", "route_table_ids": ["rtb-1"]},
            {"endpoint_type": "Gateway", "route_table_ids": ["rtb-1"]},
        )
    ],
    "vpcEndpoint.one_subnet": [
        (
            {"endpoint_type": "GatewayLoadBalancer", "subnet_ids": ["subnet-1", "subnet-2"]},
            {"endpoint_type": "GatewayLoadBalancer", "subnet_ids": ids},
        )
        for ids in (None, ["subnet-1"])
    ],
    "vpcEndpoint.service": [
        (
            {"endpoint_type": kind, "service_name": None},
            {"endpoint_type": kept, "service_name": None},
        )
        for kind, kept in (("Interface", "Resource"), ("Gateway", "ServiceNetwork"), ("GatewayLoadBalancer", "Tunnel"))
    ],
    "vpcEndpoint.service_region": [
        (
            {"service_name": f"com.amazonaws.{wrong}.s3", "service_region": None, "region": "us-east-1"},
            {"service_name": kept, "service_region": elsewhere, "region": region},
        )
        for wrong, kept, elsewhere, region in (
            ("us-east-2", "com.amazonaws.us-gov-west-1.s3", None, "us-gov-west-1"),
            ("vpce.us-east-2", "com.example.service", None, "us-east-1"),
            ("us-east-2", "com.amazonaws.vpce.us-west-2.vpce-svc-0a1b2c3d", "us-west-2", "us-east-1"),
        )
    ],
    "elasticIp.address": [
        (
            {"public_ip": None, "carrier_ip": None, "customer_owned_ip": None},
            {"public_ip": None, "carrier_ip": None, "customer_owned_ip": None} | {name: "203.0.113.7"},
        )
        for name in ("public_ip", "carrier_ip", "customer_owned_ip")
    ],
    "vpnGateway.range": [({"amazon_side_asn": 1}, {"amazon_side_asn": asn}) for asn in (65_000, 7_224, 17_493)],
    "vpnGateway.amazon_asn": [({"amazon_side_asn": asn}, {"amazon_side_asn": asn + 1}) for asn in AMAZON_ASNS],
    "transitGatewayAttachment.resource_form": [
        (
            {"resource_type": "direct-connect-gateway", "resource_id": "vpc-0a1b2c3d"},
            {"resource_type": "direct-connect-gateway", "resource_id": "0a1b2c3d-0000-1111-2222-0123456789ab"},
        ),
        (
            {"resource_type": "connect", "resource_id": "tgw-0a1b2c3d"},
            {"resource_type": "connect", "resource_id": "tgw-attach-0a1b2c3d"},
        ),
        (
            {"resource_type": "connect", "resource_id": "anything"},
            {"resource_type": "peering", "resource_id": "anything"},
        ),
    ],
    "natGateway.shape": [
        ({"addresses": text}, {"addresses": kept})
        for text, kept in (('{"a":1}', "[]"), ("[1]", None), ('"text"', '[{"allocation_id":"eipalloc-0a1b2c3d"}]'))
    ],
    "natGateway.allocation": [
        (
            {"connectivity_type": "public", "addresses": text, "subnet_id": "subnet-1"},
            {"connectivity_type": kind, "addresses": kept, "subnet_id": subnet},
        )
        for text, kind, kept, subnet in (
            (None, "private", None, "subnet-1"),
            ("[]", "private", "[]", "subnet-1"),
            ('[{"public_ip":"203.0.113.20"}]', "public", '[{"allocation_id":"eipalloc-0a1b2c3d"}]', "subnet-1"),
            ('[{"allocation_id":null}]', "public", '[{"AllocationId":"eipalloc-0a1b2c3d"},{}]', "subnet-1"),
            (None, "public", "[]", None),
        )
    ],
    "routeTable.shape": [
        ({"routes": '{"a":1}', "associations": None}, {"routes": "[{}]", "associations": "[]"}),
        ({"routes": None, "associations": "[[]]"}, {"routes": None, "associations": '[{"subnet_id":"subnet-1"}]'}),
    ],
    "routeTable.one_target": [
        ({"routes": text}, {"routes": kept})
        for text, kept in (
            ('[{"destination":"0.0.0.0/0"}]', '[{"destination":"0.0.0.0/0","target":"local"}]'),
            ('[{"target":"the firewall"}]', '[{"target":"igw-0a1b2c3d"},{"target":"eigw-0a1b2c3d"}]'),
            ('[{"target":5}]', '[{"target":"arn:aws:networkmanager::012345678901:core-network/core-network-1"}]'),
            ('[{"NatGatewayId":"nat-1","GatewayId":"igw-1"}]', '[{"NatGatewayId":"nat-1","GatewayId":null}]'),
            ('[{"target":"igw-1"},{}]', '[{"InstanceId":"i-1","NetworkInterfaceId":"eni-1"}]'),
            ("[{}]", '[{"InstanceId":"i-1"}]'),
            ("[{}]", '[{"state":"blackhole"},{"IpAddress":"10.0.0.1"},{"GatewayId":"VpcLattice"}]'),
        )
    ],
    "routeTable.destination": [
        ({"routes": text}, {"routes": kept})
        for text, kept in (
            ('[{"target":"local"}]', '[{"destination":"0.0.0.0/0"}]'),
            ('[{"destination":"everywhere"}]', '[{"destination":"pl-0a1b2c3d"},{"destination":"::/0"}]'),
            ('[{"destination":["10.0.0.0/8"]}]', '[{"DestinationIpv6CidrBlock":"2001:db8::/32"}]'),
        )
    ],
    "routeTable.repeated_destination": [
        (
            {"routes": '[{"destination":"10.0.0.0/8"},{"DestinationCidrBlock":"10.0.0.0/8"}]'},
            {"routes": '[{"destination":"10.0.0.0/8"},{"destination":"10.0.0.0/9"},{},{}]'},
        )
    ],
    "vrf.format": [
        ({"rd": wrong}, {"rd": kept}) for wrong, kept in (("65000", "65000:1"), ("blue:1", "192.0.2.1:7"), ("1:", None))
    ],
    "securityGroup.shape": [({"rules": "5"}, {"rules": "[{}]"})],
    "securityGroup.ports": [
        ({"rules": f"[{text}]"}, {"rules": f"[{kept}]"})
        for text, kept in (
            ('{"protocol":"tcp","from_port":-1,"to_port":80}', '{"protocol":"tcp","from_port":0,"to_port":65535}'),
            ('{"protocol":"udp","from_port":1,"to_port":65536}', '{"protocol":"icmp","from_port":-1,"to_port":-1}'),
            ('{"protocol":"TCP","from_port":1}', '{"protocol":"-1"}'),
            ('{"protocol":"6","from_port":"80","to_port":80}', '{"IpProtocol":"17","FromPort":80,"ToPort":80}'),
            ('{"protocol":"tcp","from_port":true,"to_port":80}', '{"protocol":"50"}'),
        )
    ],
    "securityGroup.port_order": [
        (
            {"rules": '[{"protocol":"tcp","from_port":443,"to_port":80}]'},
            {"rules": '[{"protocol":"tcp","from_port":80,"to_port":443},{"protocol":"1","from_port":8,"to_port":0}]'},
        )
    ],
    "vpcPeering.two_vpcs": [
        (
            {"requester_vpc_id": "vpc-0a1b2c3d", "accepter_vpc_id": "vpc-0a1b2c3d"},
            {"requester_vpc_id": "vpc-0a1b2c3d", "accepter_vpc_id": "vpc-0b1b2c3d"},
        )
    ],
    "directConnectVirtualInterface.one_gateway": [
        (
            {"virtual_gateway_id": "vgw-00000001", "direct_connect_gateway_id": "5f294f92"},
            {"virtual_gateway_id": None, "direct_connect_gateway_id": "5f294f92"},
        ),
    ],
    "vpnConnection.one_gateway": [
        ({"vpn_gateway_id": None, "transit_gateway_id": None}, {"vpn_gateway_id": "vgw-1", "transit_gateway_id": None}),
        (
            {"vpn_gateway_id": "vgw-1", "transit_gateway_id": "tgw-1"},
            {"vpn_gateway_id": None, "transit_gateway_id": "tgw-1"},
        ),
    ],
    "vpnConnection.inside_cidr": [
        ({"tunnels": f'[{{"inside_cidr":"{block}"}}]'}, {"tunnels": '[{"inside_cidr":"169.254.10.0/30"}]'})
        for block in (
            *("10.0.0.0/30", "169.254.10.0/29", "169.254.10.2/30", "169.254.256.0/30", "169.254.10.0", "none"),
            *(f"169.254.{third}.0/30" for third in range(6)),
            "169.254.169.252/30",
        )
    ]
    + [
        (
            {"tunnels": '[{"TunnelInsideCidr":"169.254.9.4/30"},{"TunnelInsideCidr":"169.254.0.0/30"}]'},
            {"tunnels": '[{"inside_cidr":null},{"inside_cidr":"169.254.5.4/30"}]'},
        )
    ],
    "vpnConnection.inside_ipv6_cidr": [
        ({"tunnels": f'[{{"inside_ipv6_cidr":"{block}"}}]'}, {"tunnels": '[{"inside_ipv6_cidr":"fd00:1::/126"}]'})
        for block in ("2001:db8::/126", "fd00:1::/125", "fd00:1::")
    ],
}


def row_rules(name: str) -> tuple[Resource, list[RowRule]]:
    """Return the rules called `type.rule`."""
    type_name, _, rule_name = name.partition(".")
    declared = RESOURCES[type_name]
    return declared, [rule for rule in declared.row_rules if rule.name == rule_name]


def breaks(declared: Resource, rules: list[RowRule], row: dict[str, Any]) -> bool:
    """Say whether a row breaks one of the rules, each asked of a whole column at once."""
    schema = {name: declared.fields[name].kind.dtype for name in row}
    frame = pl.DataFrame([row, dict.fromkeys(row), row], schema=schema, orient="row")
    broken = [frame.select(rule.broken().fill_null(value=False).alias("it"))["it"].to_list() for rule in rules]
    assert all(first == last for first, _, last in broken)
    return any(first for first, _, _ in broken)


PAIRS = [(name, *pair) for name, pairs in BROKEN_AND_KEPT.items() for pair in pairs]


@pytest.mark.parametrize(("name", "broken", "kept"), PAIRS, ids=[name for name, _, _ in PAIRS])
def test_row_rules(name: str, broken: dict[str, Any], kept: dict[str, Any]) -> None:
    """A rule finds the row that breaks it, and leaves alone the one that keeps it."""
    declared, rules = row_rules(name)
    assert breaks(declared, rules, broken)
    assert not breaks(declared, rules, kept)


def test_every_row_rule_is_tested() -> None:
    """Each rule that a type declares has a row that breaks it and one that keeps it."""
    declared = {f"{r.type}.{rule.name}" for r in RESOURCES.values() for rule in r.row_rules}
    assert declared == set(BROKEN_AND_KEPT)


@EVERY
def test_every_rule_has_its_source(resource_type: Resource) -> None:
    """Each rule names the page that it rests on, and so does each type; an HTTPS address."""
    rules: list[RowRule | SetRule] = [*resource_type.row_rules, *resource_type.set_rules]
    assert all(source.startswith("https://") for source in (resource_type.source, *(rule.source for rule in rules)))


@EVERY
def test_a_row_rule_speaks_of_its_field(resource_type: Resource) -> None:
    """A rule's field is among those that it reads, so that its message follows the right value."""
    for rule in resource_type.row_rules:
        assert rule.field in rule.fields
        assert not rule.message.endswith(".")


# Spellings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["transitGateway", "transit-gateway", "transit_gateways", "TGW", "tgws", "TransitGateways", "Transit Gateways"],
)
def test_a_type_is_found_however_it_is_spelt(name: str) -> None:
    """Case, punctuation and the plural make no difference, and abbreviations are known."""
    assert resource(name).type == "transitGateway"


@EVERY
def test_a_type_is_found_by_all_its_names(resource_type: Resource) -> None:
    """The type's name, title, table, aliases and the key of its AWS document mean that type and no other.

    A key that is a common word means none.
    """
    document = [of.key] if (of := resource_type.document) and not of.marks else []
    for name in (resource_type.type, resource_type.title, resource_type.table, *resource_type.aliases, *document):
        assert resource(name) is resource_type


def test_an_unknown_type_is_reported_with_the_nearest() -> None:
    """A misspelt type is answered with the one that was meant, a stranger with all there are."""
    with pytest.raises(UnknownType, match=r"'transit-gatewey'.*transitGateway"):
        resource("transit-gatewey")
    with pytest.raises(UnknownType, match="vpc"):
        resource("zzzzzzzz")


# Contradictions -------------------------------------------------------------------------------------------------------


def contradicting(**annotations: tuple[type, Any]) -> type[Record]:
    """Return a model with these fields beside those of all records."""
    body = {name: value for name, (_, value) in annotations.items()}
    return type(
        "Model",
        (Record,),
        {**body, "__annotations__": {name: kind for name, (kind, _) in annotations.items()}, "__module__": __name__},
    )


def test_a_key_must_be_a_field() -> None:
    """A natural key that names no field is refused."""
    with pytest.raises(TypeError, match="rack is used, and is not one of its fields"):
        replace(VPC, key=("rack",))


def test_a_single_key_must_be_required() -> None:
    """A key of one field that may be empty is refused."""
    with pytest.raises(TypeError, match="its key name must be required"):
        replace(VPC, key=("name",))


@pytest.mark.parametrize(
    "rules",
    [
        {"row_rules": (RowRule("x", "rack", (), lambda: pl.lit(value=True), "x"),)},
        {"row_rules": (RowRule("x", "name", ("rack",), lambda: pl.lit(value=True), "x"),)},
        {"set_rules": (Reference("rack", "vpc"),)},
        {"set_rules": (Reference("vpc_id", "vpc", when=("rack", "x")),)},
        {"set_rules": (NoOverlap("cidr_block", within=("rack",)),)},
    ],
    ids=["field", "fields", "reference", "when", "within"],
)
def test_a_rule_must_read_fields(rules: dict[str, Any]) -> None:
    """A rule that reads what is no field is refused."""
    with pytest.raises(TypeError, match="rack is used, and is not one of its fields"):
        replace(VPC, **rules)


def test_an_annotation_must_be_its_kinds() -> None:
    """A field that is annotated as another type than its kind gives is refused."""
    model = contradicting(rack=(int, f.text("Rack", required=True)))
    with pytest.raises(TypeError, match=r"rack: annotated as Int64, and its kind gives String"):
        Resource("rack", "Rack", model, key=("rack",))


@pytest.mark.parametrize(
    "second",
    [f.text("Rack"), f.text("Cabinet", aliases=("rack",)), f.text("Cabinet", aws="Rack")],
    ids=["title", "alias", "member"],
)
def test_two_fields_may_not_be_called_the_same(second: Any) -> None:
    """A spelling that two fields claim is refused: a column of that name would fit either."""
    model = contradicting(rack=(str, f.text("Rack", required=True)), cabinet=(str, second))
    with pytest.raises(TypeError, match="rack and cabinet are both called 'rack'"):
        Resource("rack", "Rack", model, key=("rack",))


def test_a_check_must_say_what_fails() -> None:
    """A check without a message is refused where it is declared."""
    with pytest.raises(TypeError, match="no message says what fails in"):
        f.declare(f.Spec(kind=TEXT, title="Rack"), str_startswith="R")


# The EC2 API ----------------------------------------------------------------------------------------------------------

SHAPES = {name: name[0].upper() + name[1:] for name in AWS} | {
    "vpcPeering": "VpcPeeringConnection",
    "elasticIp": "Address",
    "directConnect": "Connection",
    "directConnectVirtualInterface": "VirtualInterface",
}


@cache
def api_of(declared: Resource) -> Any:
    """The API that describes a type, as botocore models it."""
    assert declared.document
    session = boto3.Session("test", "test", region_name="us-east-1")
    return session.client(declared.document.service).meta.service_model


@EVERY_AWS
def test_states_are_those_of_the_api(resource_type: Resource) -> None:
    """A type's states are the API's, where its model lists them (a customer gateway's stand in prose)."""
    shape = api_of(resource_type).shape_for(SHAPES[resource_type.type])
    told = [name for name in shape.members if re.search(r"(?:^|[a-z])(?:State|Status)$", name)]
    path = resource_type.fields["state"].aws if "state" in resource_type.fields else None
    assert bool(told) == bool(path)
    state = member_of(shape, path) if path else None
    if state:
        states = tuple(state.enum or ("pending", "available", "deleting", "deleted"))
        assert resource_type.fields["state"].choices == states


@EVERY_AWS
def test_choices_are_those_of_the_api(resource_type: Resource) -> None:
    """Every enum of the API's model that a field reads is one of ours, with exactly its values, in any case."""
    shape = api_of(resource_type).shape_for(SHAPES[resource_type.type])
    for name, spec in resource_type.fields.items():
        member = member_of(shape, spec.aws) if spec.aws else None
        answers = tuple(getattr(member, "enum", ()))
        if spec.kind.name == "enum" and answers:
            assert set(spec.choices) == set(answers), name
        else:
            # Words for yes and no are read as that; a type that the model leaves as text is no enum of the API.
            assert not answers or spec.kind.read(pl.Series([*answers])).null_count() == 0, name


@EVERY_AWS
def test_members_are_those_of_the_api(resource_type: Resource) -> None:
    """What a field reads of an AWS document is there, but for what other calls answer; and so are the parties."""
    shape = api_of(resource_type).shape_for(SHAPES[resource_type.type])
    document = resource_type.document
    assert document
    paths = {name: spec.aws for name, spec in resource_type.fields.items() if spec.aws}
    assert {name for name, path in paths.items() if not is_there(shape, path)} == set(document.never)
    assert all(is_there(shape, path) for path in document.parties)


def is_there(shape: Any, path: str) -> bool:
    """Say whether the API's model has what a path reads, down to the first choice among several."""
    return member_of(shape, path) is not None


def member_of(shape: Any, path: str) -> Any:
    """Return the shape of what a path reads, down to the first choice among several; None where there is none."""
    members = re.match(r"\w+(\.\w+)*", re.sub(r"^(\w+\(|\[)", "", path))
    assert members, path
    for member in members[0].split("."):
        if member not in shape.members:
            return None
        shape = shape.members[member]
    return shape


VIEWS = [(declared, view) for declared in AWS.values() if declared.document for view in declared.document.views]


@pytest.mark.parametrize(("resource_type", "view"), VIEWS, ids=lambda each: getattr(each, "key", None))
def test_views_are_those_of_the_api(resource_type: Resource, view: View) -> None:
    """Another list of a type is that of a describe call, and has every member that a path reads."""
    listed = api_of(resource_type).operation_model(f"Describe{view.key}").output_shape.members[view.key].member
    for path in (*view.reads.values(), *view.parties):
        for name in re.findall(r"[A-Z]\w+(?:\.\w+)*", path):
            assert is_there(listed, name), path
    assert set(resource_type.required) <= set(view.reads)
    assert {"Tags", "State"} <= set(listed.members)


@EVERY_AWS
def test_a_document_has_the_key_of_the_api(resource_type: Resource) -> None:
    """The list of records has the name that the describe call answers with."""
    assert resource_type.document
    key = resource_type.document.key
    operation = api_of(resource_type).operation_model(f"Describe{key[0].upper()}{key[1:]}")
    records = operation.output_shape.members[resource_type.document.key]
    assert records.member.name == SHAPES[resource_type.type]


def test_documents_differ() -> None:
    """No two types have the same document."""
    keys = [declared.document for declared in AWS.values()]
    assert len({document.key for document in keys if isinstance(document, Document)}) == len(keys)


@EVERY
def test_a_title_is_the_name_of_a_sheet(resource_type: Resource) -> None:
    """Excel takes names of up to 31 characters."""
    assert len(resource_type.title) <= 31
