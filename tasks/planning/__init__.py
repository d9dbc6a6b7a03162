"""What the load step resolves before it plans: keys, references and missing records."""
