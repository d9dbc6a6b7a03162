"""Made-up values of every kind, drawn from one generator, so that a seed gives the same files."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Draw = Callable[[Random], str]

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-southeast-2")
PLACES = ("Bonn", "Kiel", "Graz", "Lyon", "Turin", "Malmo", "Porto", "Gent")
WORDS = ("core", "edge", "voice", "guest", "lab", "print", "camera", "backup", "transit", "mgmt")


def hexadecimal(rng: Random, digits: int) -> str:
    """Return that many hexadecimal digits."""
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def aws_id(prefix: str) -> Draw:
    """Return what draws an id of AWS."""
    return lambda rng: f"{prefix}-{hexadecimal(rng, 17)}"


def address(rng: Random) -> str:
    """Draw an address."""
    return f"{rng.randint(11, 99)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def block(length: int) -> Draw:
    """Return what draws a block of a length of 16 or 24."""
    tail = "0.0" if length == 16 else "{}.0"
    return lambda rng: f"10.{rng.randint(0, 255)}.{tail.format(rng.randint(0, 255))}/{length}"


def account(rng: Random) -> str:
    """Draw an account, mostly one that begins with zeros."""
    return f"{rng.randint(1, 99_999_999):012d}"


def region(rng: Random) -> str:
    """Draw a region."""
    return rng.choice(REGIONS)


def zone(rng: Random) -> str:
    """Draw an availability zone."""
    return f"{region(rng)}{rng.choice('abc')}"


def word(rng: Random) -> str:
    """Draw a name."""
    return f"{rng.choice(WORDS)}-{rng.randint(1, 999)}"


def one_of(*choices: str) -> Draw:
    """Return what draws one of some values."""
    return lambda rng: rng.choice(choices)


def number(least: int, most: int) -> Draw:
    """Return what draws a whole number."""
    return lambda rng: str(rng.randint(least, most))


YES_OR_NO = one_of("true", "false")
STATUS = one_of("active", "planned")

DRAWN: dict[str, Draw] = {
    "vpc_id": aws_id("vpc"),
    "subnet_id": aws_id("subnet"),
    "transit_gateway_id": aws_id("tgw"),
    "customer_gateway_id": aws_id("cgw"),
    "nat_gateway_id": aws_id("nat"),
    "allocation_id": aws_id("eipalloc"),
    "internet_gateway_id": aws_id("igw"),
    "dhcp_options_id": aws_id("dopt"),
    "cidr_block": block(16),
    "prefix": block(24),
    "is_default": YES_OR_NO,
    "is_pool": YES_OR_NO,
    "map_public_ip_on_launch": YES_OR_NO,
    "dns_support": YES_OR_NO,
    "instance_tenancy": one_of("default", "dedicated"),
    "connectivity_type": one_of("public", "private"),
    "availability_zone": zone,
    "availability_zone_id": lambda rng: f"euc1-az{rng.randint(1, 3)}",
    "network_border_group": region,
    "region": region,
    "account_id": account,
    "amazon_side_asn": number(64_512, 65_534),
    "bgp_asn": number(64_512, 65_534),
    "asn": number(64_512, 65_534),
    "ip_address": address,
    "public_ip": address,
    "primary_ip": address,
    "state": one_of("available"),
    "status": STATUS,
    "vid": number(2, 4_000),
    "site": one_of(*PLACES),
    "slug": lambda rng: rng.choice(PLACES).lower(),
    "facility": lambda rng: f"DC {rng.randint(1, 40)}",
    "time_zone": one_of("Europe/Berlin", "Europe/Vienna", "Europe/Paris"),
    "latitude": lambda rng: f"{rng.randint(40, 60)}.{rng.randint(1000, 9999)}",
    "longitude": lambda rng: f"{rng.randint(1, 20)}.{rng.randint(1000, 9999)}",
    "rd": lambda rng: f"{rng.randint(64_512, 65_534)}:{rng.randint(1, 500)}",
    "rir": one_of("RIPE", "ARIN", "RFC 6996"),
    "role": one_of("core router", "access switch", "firewall"),
    "manufacturer": one_of("Juniper", "Cisco", "Arista"),
    "model": one_of("MX204", "C9300-48P", "7050X3"),
    "serial": lambda rng: f"{rng.choice('ABF')}{hexadecimal(rng, 9).upper()}",
    "provider": one_of("Telco One", "Carrier Two", "Fibre Three"),
    "cid": lambda rng: f"{rng.choice(('LL', 'WAN'))}-{rng.randint(10_000, 99_999)}",
    "commit_rate_kbps": one_of("100000", "1000000"),
    "environment": one_of("production", "staging", "test"),
    "owner": one_of("network", "platform", "security"),
    "cost_center": lambda rng: f"KST-{rng.randint(100, 999)}",
}
"""How the values of a field are drawn; those of others are words."""

TYPES: dict[tuple[str, str], Draw] = {
    ("subnet", "cidr_block"): block(24),
    ("customerGateway", "type"): one_of("ipsec.1"),
    ("circuit", "type"): one_of("Dark fibre", "MPLS", "Internet"),
    ("site", "name"): one_of(*PLACES),
}
"""How they are drawn for a type, where that is another way."""


def drawn(rng: Random, resource_type: str, field: str) -> str:
    """Draw a value of a field of a type."""
    return TYPES.get((resource_type, field), DRAWN.get(field, word))(rng)
