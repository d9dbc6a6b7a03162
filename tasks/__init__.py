"""Verbs: the steps of a run, as plain functions on frames; below them formats, sources and the store."""
