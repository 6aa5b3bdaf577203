"""Tar: read in one pass, and laid out without a byte that depends on the clock."""
