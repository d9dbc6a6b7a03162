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
SHARED_VPCS = "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html"
INTERNET_GATEWAYS = "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html"
SECURITY_GROUPS = "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html"
PEERING = "https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html"
TRANSIT_GATEWAYS = "https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html"
TUNNELS = "https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNTunnels.html"
CUSTOMER_GATEWAYS = "https://docs.aws.amazon.com/vpn/latest/s2svpn/cgw-options.html"
VPN_FAQ = "https://aws.amazon.com/vpn/faqs/"
ENDPOINTS = "https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html"
CROSS_REGION = "https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-share-your-services.html"

RFC = "https://www.rfc-editor.org/rfc/rfc{}"


def api(name: str) -> str:
    """Return the page of an action or a data type of the EC2 API; botocore's shapes have the same names."""
    return f"https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_{name}.html"


# NetBox's own limits are 50 to 100 characters, Nautobot's are 255 (CHARFIELD_MAX_LENGTH): the wider ones hold.
def netbox(path: str) -> str:
    """Return the page of a model of NetBox, such as `ipam/prefix`."""
    return f"https://netboxlabs.com/docs/netbox/models/{path}/"


def rfc(number: int) -> str:
    """Return the page of an RFC."""
    return RFC.format(number)
