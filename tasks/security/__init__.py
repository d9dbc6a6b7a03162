"""Secrets: where they are read from, and how they are kept out of what is stored and shown."""
