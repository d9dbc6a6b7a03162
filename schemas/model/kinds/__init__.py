"""Field kinds: how the text of a cell is read into a typed value, and how PostgreSQL stores it."""

from schemas.model.kinds.addresses import ADDRESS, BLOCK, ipv4_blocks
from schemas.model.kinds.kind import HIDDEN, Kind, Read, each, fall_back
from schemas.model.kinds.numbers import ACCOUNT, ASN, BOOLEAN, INTEGER, NUMBER
from schemas.model.kinds.structured import AWS_TAGS, BLOCKS, JSON, TAGS, TEXTS, json_without
from schemas.model.kinds.text import CODE, DEVICE_NAME, ID, TEXT, VRF, enum

__all__ = [
    "ACCOUNT",
    "ADDRESS",
    "ASN",
    "AWS_TAGS",
    "BLOCK",
    "BLOCKS",
    "BOOLEAN",
    "CODE",
    "DEVICE_NAME",
    "HIDDEN",
    "ID",
    "INTEGER",
    "JSON",
    "NUMBER",
    "TAGS",
    "TEXT",
    "TEXTS",
    "VRF",
    "Kind",
    "Read",
    "each",
    "enum",
    "fall_back",
    "ipv4_blocks",
    "json_without",
]
