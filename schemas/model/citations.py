"""Where the facts behind rules are published: pages of AWS, NetBox and the IETF that declarations cite."""

from __future__ import annotations

ADDRESSING = "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
SUBNETS = "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"
ZONES = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html"
IDS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html"
TAGS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions"
ACCOUNTS = "https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html"
REGIONS = "https://docs.aws.amazon.com/general/latest/gr/rande.html"
ROUTES = "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html"
INTERNET_GATEWAYS = "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html"
PEERING = "https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html"
TRANSIT_GATEWAYS = "https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html"
CUSTOMER_GATEWAYS = "https://docs.aws.amazon.com/vpn/latest/s2svpn/cgw-options.html"
VPN_FAQ = "https://aws.amazon.com/vpn/faqs/"
CROSS_REGION = "https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-share-your-services.html"

RFC = "https://www.rfc-editor.org/rfc/rfc{}"


def api(name: str) -> str:
    """Return the page of an action or a data type of the EC2 API; botocore's shapes have the same names."""
    return _api("AWSEC2", name)


def direct_connect(name: str) -> str:
    """Return the page of an action or a data type of the Direct Connect API."""
    return _api("directconnect", name)


def _api(guide: str, name: str) -> str:
    return f"https://docs.aws.amazon.com/{guide}/latest/APIReference/API_{name}.html"


# NetBox's own limits are 50 to 100 characters, Nautobot's are 255 (CHARFIELD_MAX_LENGTH): the wider ones hold.
def netbox(path: str) -> str:
    """Return the page of a model of NetBox, such as `ipam/prefix`."""
    return f"https://netboxlabs.com/docs/netbox/models/{path}/"


def rfc(number: int) -> str:
    """Return the page of an RFC."""
    return RFC.format(number)


KINDS = {
    "account": ACCOUNTS,
    "asn": rfc(5396),
    "cidr": rfc(4632),
    "cidrs": rfc(4632),
    "inet": rfc(4291),
    "json": rfc(8259),
}
"""The pages that say how values of a kind are written, by the name of the kind."""

_TITLES = {
    ADDRESSING: "VPC User Guide, VPC CIDR blocks",
    SUBNETS: "VPC User Guide, subnet CIDR blocks",
    ZONES: "EC2 User Guide, Regions and Zones",
    IDS: "EC2 User Guide, resource IDs",
    TAGS: "EC2 User Guide, tag restrictions",
    ACCOUNTS: "AWS Account Management, account identifiers",
    REGIONS: "AWS General Reference, endpoints; botocore, partitions.json",
    ROUTES: "VPC User Guide, route tables",
    INTERNET_GATEWAYS: "VPC User Guide, internet gateways",
    PEERING: "VPC Peering Guide, how connections work",
    TRANSIT_GATEWAYS: "Transit Gateways guide, how they work",
    CUSTOMER_GATEWAYS: "Site-to-Site VPN User Guide, customer gateways",
    VPN_FAQ: "AWS VPN FAQs",
    CROSS_REGION: "AWS PrivateLink guide, cross-Region access",
}


_APIS = {"AWSEC2": "EC2 API", "directconnect": "Direct Connect API"}


def title(page: str) -> str:
    """Return what a page is called."""
    *_, last = page.strip("/").split("/")
    if last.startswith("API_"):
        return f"{_APIS[page.split('/')[3]]}, {last.removeprefix('API_').removesuffix('.html')}"
    if last.startswith("rfc"):
        return f"RFC {last.removeprefix('rfc')}"
    return _TITLES.get(page) or f"NetBox, {'/'.join(page.strip('/').split('/')[-2:])}"
