"""Registered storages, opened by name."""
