"""Access: API keys and sessions, owned definitions, and the access log."""
