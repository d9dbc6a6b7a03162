"""What people and tools call the columns of their tables, and columns that are none of ours."""

from __future__ import annotations

# How each field is called in consoles, tools and spreadsheets. "AWS console" headers are those of its CSV downloads.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "vpc": {
        "vpc_id": ("VPC ID", "VpcId", "VPC", "vpc id"),
        "name": ("Name", "VPC name", "Network name"),
        "cidr_block": ("IPv4 CIDR", "CIDR", "CIDR block", "CidrBlock", "IP range", "Primary CIDR"),
        "is_default": ("Default VPC", "IsDefault", "Default?"),
        "instance_tenancy": ("Tenancy", "InstanceTenancy", "Instance tenancy"),
        "dhcp_options_id": ("DHCP option set", "DhcpOptionsId", "DHCP options ID"),
        "state": ("State", "Status"),
    },
    "subnet": {
        "subnet_id": ("Subnet ID", "SubnetId", "Subnet"),
        "name": ("Name", "Subnet name"),
        "vpc_id": ("VPC", "VPC ID", "VpcId"),
        "cidr_block": ("IPv4 CIDR", "CidrBlock", "CIDR", "IP range"),
        "availability_zone": ("Availability Zone", "AZ", "AvailabilityZone"),
        "availability_zone_id": ("Availability Zone ID", "AvailabilityZoneId", "AZ ID"),
        "map_public_ip_on_launch": ("Auto-assign public IPv4 address", "MapPublicIpOnLaunch"),
        "state": ("State", "Status"),
    },
    "transitGateway": {
        "transit_gateway_id": ("Transit gateway ID", "TransitGatewayId", "TGW ID"),
        "name": ("Name", "TGW name"),
        "amazon_side_asn": ("Amazon ASN", "AmazonSideAsn", "Amazon side ASN"),
        "dns_support": ("DNS support", "DnsSupport"),
        "state": ("State", "Status"),
    },
    "customerGateway": {
        "customer_gateway_id": ("Customer gateway ID", "CustomerGatewayId", "CGW ID"),
        "name": ("Name",),
        "type": ("Type",),
        "ip_address": ("IP address", "IpAddress", "Public IP"),
        "bgp_asn": ("BGP ASN", "BgpAsn", "ASN"),
        "device_name": ("Device", "DeviceName", "Device name"),
        "state": ("State", "Status"),
    },
    "natGateway": {
        "nat_gateway_id": ("NAT gateway ID", "NatGatewayId"),
        "name": ("Name",),
        "vpc_id": ("VPC", "VpcId", "VPC ID"),
        "subnet_id": ("Subnet", "SubnetId", "Subnet ID"),
        "connectivity_type": ("Connectivity type", "ConnectivityType", "Connectivity"),
        "state": ("State", "Status"),
    },
    "elasticIp": {
        "allocation_id": ("Allocation ID", "AllocationId"),
        "name": ("Name",),
        "public_ip": ("Allocated IPv4 address", "PublicIp", "Public IPv4 address"),
        "network_border_group": ("Network border group", "NetworkBorderGroup"),
    },
    "internetGateway": {
        "internet_gateway_id": ("Internet gateway ID", "InternetGatewayId", "IGW ID"),
        "name": ("Name",),
        "vpc_id": ("VPC ID", "VPC"),
    },
    "site": {
        "name": ("Name", "Site", "Site name"),
        "slug": ("Slug",),
        "facility": ("Facility",),
        "time_zone": ("Time zone", "Timezone", "time_zone"),
        "latitude": ("Latitude", "Lat"),
        "longitude": ("Longitude", "Long", "Lon"),
    },
    "vlan": {
        "vid": ("VID", "VLAN ID", "VLAN", "Vlan number"),
        "name": ("Name", "VLAN name"),
        "site": ("Site", "Site name"),
        "group": ("Group", "VLAN group"),
        "status": ("Status", "State"),
    },
    "prefix": {
        "prefix": ("Prefix", "CIDR", "Network"),
        "vrf": ("VRF",),
        "site": ("Site",),
        "status": ("Status",),
        "is_pool": ("Is a pool", "Pool", "is_pool"),
    },
    "device": {
        "name": ("Name", "Hostname", "Device", "Device name"),
        "site": ("Site", "Site name"),
        "role": ("Role", "Device role"),
        "manufacturer": ("Manufacturer", "Vendor"),
        "model": ("Model", "Device type"),
        "serial": ("Serial number", "Serial", "SN", "Serial no."),
        "primary_ip": ("Primary IP", "Management IP", "IP address"),
        "status": ("Status",),
    },
    "circuit": {
        "cid": ("Circuit ID", "CID", "Circuit number"),
        "provider": ("Provider", "Carrier"),
        "type": ("Type", "Circuit type"),
        "commit_rate_kbps": ("Commit rate (kbps)", "Commit rate", "Bandwidth kbps"),
        "status": ("Status",),
    },
    "vrf": {"name": ("Name", "VRF", "VRF name"), "rd": ("RD", "Route distinguisher")},
    "asn": {"asn": ("ASN", "AS number"), "rir": ("RIR",), "organisation": ("Organisation", "Organization", "Tenant")},
}

AWS_NAMES: dict[str, tuple[str, ...]] = {
    "account_id": ("Account ID", "Owner ID", "AWS account", "Account", "OwnerId"),
    "region": ("Region", "AWS region"),
    "environment": ("Environment", "Env"),
    "project": ("Project",),
    "owner": ("Owner",),
    "cost_center": ("Cost center", "Cost centre", "CostCenter"),
}
"""What the columns that all types of AWS have are called."""

DESCRIPTION = ("Description", "Comment", "Notes")

# By which a table says of which type it is: the key's columns, and some that few other types have.
TELLING: dict[str, tuple[str, ...]] = {
    "site": ("name", "slug", "facility", "latitude"),
    "vlan": ("vid", "name", "group"),
    "prefix": ("prefix", "vrf", "is_pool"),
    "device": ("name", "serial", "manufacturer", "model"),
    "circuit": ("provider", "cid", "commit_rate_kbps"),
    "vrf": ("name", "rd"),
    "asn": ("asn", "rir"),
    "customerGateway": ("customer_gateway_id", "type", "ip_address", "bgp_asn"),
    "subnet": ("subnet_id", "vpc_id", "cidr_block", "availability_zone"),
    "vpc": ("vpc_id", "cidr_block"),
    "natGateway": ("nat_gateway_id", "vpc_id", "subnet_id"),
}

OTHERS: dict[str, tuple[str, ...]] = {
    "Ticket": ("NET-{}",),
    "Last checked": ("2026-0{}-1{}",),
    "Reviewed by": ("j.doe", "m.mustermann", "a.smith"),
    "Cost EUR": ("{}9.90",),
    "Rack": ("R{}",),
    "Asset tag": ("A-{}{}",),
    "Contract": ("C{}{}{}",),
    "Approval": ("yes", "pending"),
    "Priority": ("high", "low"),
    "Link": ("https://wiki.example/net/{}",),
    "Change window": ("Sat 2{}:00",),
    "Remarks 2": ("see mail", "n/a"),
    "Altitude": ("{}0",),
    "Port count": ("4{}",),
}
"""Columns that fit no field, with values; `{}` is a digit."""
