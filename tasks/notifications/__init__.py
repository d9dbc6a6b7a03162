"""Notifications: messages about syncs, sent to a webhook."""
