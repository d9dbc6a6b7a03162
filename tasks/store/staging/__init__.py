"""Staging: the tables where validated rows wait, and the prefilter over them."""
