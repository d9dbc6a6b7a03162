"""Pipelines as Prefect flows, and the conversation with Prefect."""
