"""NetBox and Nautobot: records of the REST API, and exported tables."""
