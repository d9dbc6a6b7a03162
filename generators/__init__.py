"""Generators of the reference pages, of `prefect.yaml`, and of the sessions that the documents show."""
