"""Places: what is served, and where."""
