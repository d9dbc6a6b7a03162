"""Hypothesis strategies: records as the EC2 API answers them, from botocore's model of its output.

What the model leaves as text has the values that the API's documentation names for the member, not those that our
rules accept. Any member may be absent but those that every record of the type has.
"""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import Any

import boto3
from botocore.loaders import Loader
from hypothesis import strategies as st

from schemas.resources import RESOURCES

Answer = dict[str, Any]


@cache
def shape_for(name: str) -> Any:
    """Return the shape of that name in the first of the APIs that describe a type and have one, as botocore has it."""
    services = dict.fromkeys(resource.document.service for resource in RESOURCES.values() if resource.document)
    session = boto3.Session("test", "test", region_name="us-east-1")
    models = (session.client(service).meta.service_model for service in services)
    return next(model.shape_for(name) for model in models if name in model.shape_names)


@cache
def regions() -> list[str]:
    """Every region that botocore knows."""
    partitions = Loader().load_data("partitions")["partitions"]
    return [region for part in partitions for region in part["regions"] if not region.endswith("global")]


def four(shortest: int, longest: int) -> st.SearchStrategy[str]:
    """IPv4 blocks of these lengths."""
    return _blocks(32, shortest, longest)


def six(shortest: int, longest: int) -> st.SearchStrategy[str]:
    """IPv6 blocks of these lengths."""
    return _blocks(128, shortest, longest)


def _blocks(bits: int, shortest: int, longest: int) -> st.SearchStrategy[str]:
    kind = ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network
    return st.builds(
        lambda number, length: str(kind((number, length), strict=False)),
        st.integers(2**64, 2**bits - 1) if bits == 128 else st.integers(0, 2**bits - 1),
        st.integers(shortest, longest),
    )


HEX = "0123456789abcdef"


def id_of(prefix: str) -> st.SearchStrategy[str]:
    """An id of EC2, of either length."""
    return st.sampled_from([8, 17]).flatmap(lambda n: st.text(HEX, min_size=n, max_size=n)).map(f"{prefix}-".__add__)


TEXT = st.text("abcXYZ 09-_.äß日", min_size=1, max_size=20).filter(
    lambda text: text == " ".join(text.split()) and any(map(str.isalnum, text))
)
ACCOUNT = st.text("0123456789", min_size=12, max_size=12)
ADDRESS = st.ip_addresses(v=4).map(str)
ANY_ADDRESS = ADDRESS | st.integers(2**120, 2**128 - 1).map(lambda number: str(ipaddress.IPv6Address(number)))
PRIVATE = st.integers(64_512, 65_534) | st.integers(4_200_000_000, 4_294_967_294)
ZONES = st.builds(
    str.__add__,
    st.sampled_from(["us-east-1", "eusc-de-east-1", "us-gov-west-1", "us-isob-east-1", "cn-northwest-1"]),
    st.sampled_from(["a", "f", "-bos-1a", "-nyc-2a", "-wl1-bos-wlz-1", "-foe-1-wlz-2"]),
)
ARN = TEXT.map(lambda text: f"arn:aws:vpc-lattice:us-east-1:012345678901:servicenetwork/{text.replace(' ', '')}")

# The prefixes of the ids that members hold (EC2 User Guide, resource IDs).
PREFIXES = {
    "VpcId": "vpc",
    "SubnetId": "subnet",
    "TransitGatewayId": "tgw",
    "TransitGatewayRouteTableId": "tgw-rtb",
    "TransitGatewayAttachmentId": "tgw-attach",
    "CustomerGatewayId": "cgw",
    "VpcEndpointId": "vpce",
    "VpnGatewayId": "vgw",
    "VpnConnectionId": "vpn",
    "VpcPeeringConnectionId": "pcx",
    "InternetGatewayId": "igw",
    "AllocationId": "eipalloc",
    "NetworkInterfaceId": "eni",
    "NatGatewayId": "nat",
    "RouteTableId": "rtb",
    "RouteTableAssociationId": "rtbassoc",
    "GroupId": "sg",
    "DhcpOptionsId": "dopt",
    "InstanceId": "i",
    "LocalGatewayId": "lgw",
    "CarrierGatewayId": "cagw",
    "EgressOnlyInternetGatewayId": "eigw",
    "PrefixListId": "pl",
    "DestinationPrefixListId": "pl",
}

# What members hold that are text or a number to the model.
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    **{name: id_of(prefix) for name, prefix in PREFIXES.items()},
    **dict.fromkeys(("OwnerId", "ResourceOwnerId", "TransitGatewayOwnerId", "NetworkInterfaceOwnerId"), ACCOUNT),
    **dict.fromkeys(("VpcOwnerId", "UserId"), ACCOUNT),
    **dict.fromkeys(("PublicIp", "PrivateIp", "PrivateIpAddress", "CarrierIp", "CustomerOwnedIp"), ADDRESS),
    "OutsideIpAddress": ADDRESS,
    "AvailabilityZone": ZONES,
    "Description": TEXT,
    "AssociationId": id_of("eipassoc"),
    "CidrBlock": four(16, 28),
    "CidrIp": four(0, 32),
    "CidrIpv6": six(0, 128),
    "DestinationCidrBlock": four(0, 32),
    "DestinationIpv6CidrBlock": six(0, 128),
    "GatewayId": st.sampled_from(["local", "VpcLattice"]) | id_of("igw") | id_of("vgw") | id_of("vpce"),
    "CoreNetworkArn": st.just("arn:aws:networkmanager::012345678901:core-network/core-network-0a1b2c3d4e5f60718"),
    "OdbNetworkArn": st.just("arn:aws:odb:us-east-1:012345678901:odb-network/odbnet_0a1b2c3d"),
    "LocalIpv4NetworkCidr": four(0, 32),
    "RemoteIpv4NetworkCidr": four(0, 32),
    "LocalIpv6NetworkCidr": six(0, 128),
    "RemoteIpv6NetworkCidr": six(0, 128),
    # A /30 of 169.254.0.0/16 but for the reserved ones (VpnTunnelOptionsSpecification).
    "TunnelInsideCidr": st.builds("169.254.{}.{}/30".format, st.integers(6, 168), st.integers(0, 63).map((4).__mul__)),
    "TunnelInsideIpv6Cidr": st.integers(0, 2**30).map(
        lambda number: str(ipaddress.IPv6Network((0xFD << 120 | number << 2, 126)))
    ),
    "CertificateArn": st.just("arn:aws:acm:us-east-1:012345678901:certificate/12345678-1234-1234-1234-123456789012"),
    "ResourceConfigurationArn": ARN,
    "ServiceNetworkArn": ARN,
    "RouteTableIds": st.lists(id_of("rtb"), max_size=3),
    "SubnetIds": st.lists(id_of("subnet"), max_size=3),
    "TransitGatewayCidrBlocks": st.lists(four(8, 24) | six(32, 64), max_size=3),
    "BgpAsn": st.integers(1, 2_147_483_647).map(str),
    "BgpAsnExtended": st.integers(2_147_483_648, 4_294_967_295).map(str),
    "AmazonSideAsn": PRIVATE,
    **dict.fromkeys(("asn", "asnLong", "amazonSideAsn"), st.integers(1, 4_294_967_295)),
    **dict.fromkeys(("amazonAddress", "customerAddress"), ANY_ADDRESS.map("{}/30".format)),
    "bandwidth": st.sampled_from(["50Mbps", "500Mbps", "1Gbps", "10Gbps", "400Gbps"]),
    "cidr": four(8, 32) | six(32, 64),
    "connectionId": st.text(HEX + "xyz", min_size=8, max_size=8).map("dxcon-{}".format),
    "lagId": st.text(HEX + "xyz", min_size=8, max_size=8).map("dxlag-{}".format),
    "directConnectGatewayId": st.uuids().map(str),
    "mtu": st.sampled_from([1500, 8500, 9001]),
    "ownerAccount": ACCOUNT,
    "region": st.deferred(lambda: st.sampled_from(regions())),
    "virtualGatewayId": st.just("") | id_of("vgw"),
    "virtualInterfaceId": st.text(HEX + "xyz", min_size=8, max_size=8).map("dxvif-{}".format),
    "virtualInterfaceType": st.sampled_from(["private", "public", "transit"]),
    "vlan": st.integers(1, 4094),
}

# The same, where it depends on the record or the structure that has the member.
OF_SHAPE: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("VpcIpv6CidrBlockAssociation", "Ipv6CidrBlock"): six(44, 60),
    ("SubnetIpv6CidrBlockAssociation", "Ipv6CidrBlock"): six(44, 64),
    ("Ipv6CidrBlock", "Ipv6CidrBlock"): six(44, 60),
    ("VpnGateway", "AmazonSideAsn"): PRIVATE | st.sampled_from([7224, 9059, 10124, 17493]),
    ("CustomerGateway", "State"): st.sampled_from(["pending", "available", "deleting", "deleted"]),
    ("CustomerGateway", "Type"): st.just("ipsec.1"),
    ("CustomerGateway", "IpAddress"): ANY_ADDRESS,
    ("Route", "IpAddress"): ANY_ADDRESS,
    # The API answers states of endpoints in small letters.
    ("VpcEndpoint", "State"): st.sampled_from(
        ["pendingAcceptance", "pending", "available", "deleting", "deleted", "rejected", "failed", "expired", "partial"]
    ),
    ("VpcPeeringConnectionVpcInfo", "Region"): st.deferred(lambda: st.sampled_from(regions())),
    ("VirtualInterface", "connectionId"): MEMBERS["connectionId"] | MEMBERS["lagId"],
    ("VpcEndpoint", "ServiceRegion"): st.deferred(lambda: st.sampled_from(regions())),
    ("VpcEndpoint", "ServiceName"): st.builds(
        "{}.{}".format,
        st.sampled_from(
            ["com.amazonaws.us-east-1", "com.amazonaws.vpce.us-west-2", "aws.api.eu-west-1", "com.example"]
        ),
        st.sampled_from(["s3", "vpce-svc-0a1b2c3d4e5f60718", "ssm"]),
    ),
}

# The members that every record of a type has (its members are never required to the model).
ALWAYS = {
    "Vpc": ("VpcId", "CidrBlock"),
    "Subnet": ("SubnetId", "VpcId", "AvailabilityZone", "CidrBlock"),
    "TransitGateway": ("TransitGatewayId",),
    "TransitGatewayRouteTable": ("TransitGatewayRouteTableId", "TransitGatewayId"),
    "TransitGatewayAttachment": ("TransitGatewayAttachmentId", "TransitGatewayId", "ResourceType", "ResourceId"),
    "CustomerGateway": ("CustomerGatewayId", "Type", "BgpAsn", "IpAddress"),
    "VpcEndpoint": ("VpcEndpointId", "VpcId", "VpcEndpointType"),
    "VpnGateway": ("VpnGatewayId",),
    "VpnConnection": ("VpnConnectionId", "CustomerGatewayId"),
    "VpcPeeringConnection": ("VpcPeeringConnectionId", "RequesterVpcInfo", "AccepterVpcInfo"),
    "VpcPeeringConnectionVpcInfo": ("VpcId",),
    "InternetGateway": ("InternetGatewayId",),
    "Address": ("AllocationId",),
    "NatGateway": ("NatGatewayId", "VpcId"),
    "RouteTable": ("RouteTableId", "VpcId"),
    "SecurityGroup": ("GroupId", "GroupName", "VpcId"),
    "VpcCidrBlockAssociation": ("CidrBlock", "CidrBlockState"),
    "VpcIpv6CidrBlockAssociation": ("Ipv6CidrBlock", "Ipv6CidrBlockState"),
    "SubnetIpv6CidrBlockAssociation": ("Ipv6CidrBlock", "Ipv6CidrBlockState"),
    "InternetGatewayAttachment": ("VpcId", "State"),
    "VpcAttachment": ("VpcId", "State"),
    "GroupIdentifier": ("GroupId",),
    "Connection": ("connectionId", "connectionState", "location", "bandwidth"),
    "VirtualInterface": ("virtualInterfaceId", "virtualInterfaceState", "virtualInterfaceType", "vlan"),
}


def tags() -> st.SearchStrategy[list[Answer]]:
    """Up to 50 tags of people, and some of AWS (EC2 User Guide, tag restrictions)."""
    key = st.text("abcABC :/=+-@_.09ä", min_size=1, max_size=128)
    own = st.dictionaries(
        key.filter(lambda name: not name.startswith("aws:")), st.text("ab ä", max_size=256), max_size=4
    )
    full = st.just({f"key-{number}": "v" * 256 for number in range(50)})
    of_aws = st.dictionaries(st.sampled_from(["aws:cloudformation:stack-name", "aws:autoscaling:groupName"]), TEXT)
    return st.builds(
        lambda one, other: [{"Key": key, "Value": value} for key, value in {**one, **other}.items()], own | full, of_aws
    )


@st.composite
def routes(draw: st.DrawFn) -> Answer:
    """A route to one destination over one target (EC2 API, CreateRoute), whose target is gone if it is a blackhole."""
    to = draw(st.sampled_from(["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"]))
    over = [name for name in shape_for("Route").members if name in PREFIXES or name in ("GatewayId", "IpAddress")]
    over = [name for name in (*over, "CoreNetworkArn", "OdbNetworkArn") if not name.startswith("Destination")]
    target = draw(st.sampled_from([*over, None]))
    route = {to: draw(MEMBERS[to]), "State": "active" if target else "blackhole", "Origin": "CreateRoute"}
    if target:
        route[target] = draw(OF_SHAPE.get(("Route", target), MEMBERS.get(target, TEXT)))
    if target == "InstanceId":
        route["NetworkInterfaceId"] = draw(MEMBERS["NetworkInterfaceId"])
    return route


@st.composite
def permissions(draw: st.DrawFn) -> Answer:
    """What a security group allows (EC2 API, IpPermission)."""
    rest = draw(structure("IpPermission", but=("IpProtocol", "FromPort", "ToPort")))
    protocol = draw(st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "-1", "50", "47"]))
    ports = {"tcp": (0, 65_535), "udp": (0, 65_535), "icmp": (-1, 254), "icmpv6": (-1, 254)}.get(protocol)
    if ports is None:
        return rest | {"IpProtocol": protocol}
    first, last = sorted(draw(st.tuples(st.integers(*ports), st.integers(*ports))))
    return rest | {"IpProtocol": protocol, "FromPort": first, "ToPort": last}


def record(name: str) -> st.SearchStrategy[Answer]:
    """A record of a `describe` call by the name of its shape."""
    found = structure(name)
    return found.map(BEYOND_MEMBERS[name]) if name in BEYOND_MEMBERS else found


def _endpoint(found: Answer) -> Answer:
    """An endpoint of a service names it; only one of type Gateway has route tables, and it has nothing else."""
    kind = found["VpcEndpointType"]
    if kind in ("Interface", "Gateway", "GatewayLoadBalancer"):
        found = {"ServiceName": "com.amazonaws.us-east-1.s3"} | found
    dropped = ("SubnetIds", "Groups") if kind == "Gateway" else ("RouteTableIds",)
    return {member: held for member, held in found.items() if member not in dropped}


def _vpn_connection(found: Answer) -> Answer:
    """A connection ends at one gateway at most."""
    return {
        member: held for member, held in found.items() if member != "VpnGatewayId" or "TransitGatewayId" not in found
    }


def _peering(found: Answer) -> Answer:
    """A peering connects two VPCs."""
    one = found["RequesterVpcInfo"]["VpcId"]
    other = one[:-1] + ("1" if one.endswith("0") else "0")
    return found | {"AccepterVpcInfo": found["AccepterVpcInfo"] | {"VpcId": other}}


def _address(found: Answer) -> Answer:
    """The owner of an interface is named with the interface."""
    return (
        found if "NetworkInterfaceId" in found else {n: v for n, v in found.items() if n != "NetworkInterfaceOwnerId"}
    )


def _direct_connect(found: Answer) -> Answer:
    """Its tags are in lower case, and an interface ends at one gateway."""
    tagged = [{"key": tag["Key"], "value": tag["Value"]} for tag in found.get("tags", ())]
    dropped = "directConnectGatewayId" if found.get("virtualGatewayId") else ""
    return {member: held for member, held in found.items() if member != dropped} | {"tags": tagged}


BEYOND_MEMBERS = {
    "VpcEndpoint": _endpoint,
    "VpnConnection": _vpn_connection,
    "VpcPeeringConnection": _peering,
    "Address": _address,
    "Connection": _direct_connect,
    "VirtualInterface": _direct_connect,
}
"""What the documentation says of members that go together."""


@st.composite
def structure(draw: st.DrawFn, name: str, but: tuple[str, ...] = ()) -> Answer:
    """A structure of the model by its name, with any of its members."""
    found = {}
    for member, shape in shape_for(name).members.items():
        always = member in ALWAYS.get(name, ())
        if member not in but and (always or draw(st.booleans())):
            found[member] = draw(value(name, member, shape))
    return found


def value(owner: str, member: str, shape: Any) -> st.SearchStrategy[Any]:
    """What a member of a structure holds: as the documentation has it, or else as the model does."""
    if (owner, member) in OF_SHAPE:
        return OF_SHAPE[owner, member]
    if shape.name in STRUCTURES:
        return STRUCTURES[shape.name]()
    if member in MEMBERS and shape.type_name != "structure":
        return MEMBERS[member]
    return modelled(shape)


STRUCTURES = {"TagList": tags, "Route": routes, "IpPermission": permissions}

PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(0, 100),
    "long": st.integers(0, 100),
    "double": st.just(0.5),
    "timestamp": st.just("2026-11-27T08:30:00+00:00"),
}


def modelled(shape: Any) -> st.SearchStrategy[Any]:
    """What a shape of the model holds."""
    if shape.type_name == "structure":
        return structure(shape.name)
    if shape.type_name == "list":
        return st.lists(value(shape.name, shape.member.name, shape.member), max_size=2)
    enum = getattr(shape, "enum", ())
    return st.sampled_from(enum) if enum else PLAIN.get(shape.type_name, TEXT)
