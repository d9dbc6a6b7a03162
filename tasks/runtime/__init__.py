"""The runtime of a run: its context, its share of each type, and the locks of syncs."""
