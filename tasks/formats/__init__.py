"""Formats: how the bytes of a source become text columns; one file each, registered in `FORMATS`."""
