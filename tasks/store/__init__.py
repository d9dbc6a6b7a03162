"""The store: PostgreSQL, and the only SQL there is."""
