"""Voices: the command line."""
