"""Attacks that succeeded once, each bounded in size."""
