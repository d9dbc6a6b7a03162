"""What Prefect shows of a run: its progress, log, artifacts and end, and the events and lineage that it emits."""
