"""Benchmarks: the import against a bare COPY of the same file, and against the tools one would pick instead."""
