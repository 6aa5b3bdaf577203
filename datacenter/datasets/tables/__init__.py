"""Datasets that are tables: their parts, their rows by label, and tables that are kept as tables."""
