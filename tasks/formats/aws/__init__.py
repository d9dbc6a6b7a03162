"""AWS documents: `describe-*` output and inventories."""
