"""Mapping helpers: inferring a resource type, and judging columns by their values."""
