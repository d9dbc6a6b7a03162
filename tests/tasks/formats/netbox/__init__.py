"""Tests of `tasks.formats.netbox`."""
