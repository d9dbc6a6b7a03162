"""Who may do what: keys, permissions, host names and secrets."""
