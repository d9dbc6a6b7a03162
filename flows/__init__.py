"""Sentences: an import, a preview, each reading as its own summary."""
