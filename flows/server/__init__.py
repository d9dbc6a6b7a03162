"""The Prefect server seen from cmdb: signing in, its runs and queues, and the syncs on schedule."""
