"""Faults at random moments while clients work, and a check that nothing is lost or half-done: `make chaos`."""
