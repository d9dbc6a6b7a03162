"""A measured corpus: files whose meaning a script knows, read by cmdb, and how much of them is read rightly.

`make corpus`, or `python -m benchmarks.corpus [SEED]`. The files are made up from a seed; no name, value or shape is
taken from the tests.
"""
