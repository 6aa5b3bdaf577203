"""Datasets of rows: their parts, their rows by label, and tables that are kept as tables."""
