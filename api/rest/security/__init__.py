"""Access to the REST API: keys, sessions, limits, quotas and the access log."""
