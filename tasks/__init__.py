"""The engine: the steps of a run, and below them formats, sources and the store."""
