"""Merging staged rows into stored records: diff, plan, apply and undo."""
