"""Connections: engines, sessions, the embedded PostgreSQL, migrations and COPY."""
