"""JSON, NDJSON and YAML documents."""
