"""Resolving what rows name otherwise: references, partial keys and source ids."""
