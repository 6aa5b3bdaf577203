"""Storages behind one contract: every system is an fsspec filesystem with the promises that jobs need on top."""
