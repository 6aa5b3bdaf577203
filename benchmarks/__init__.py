"""Benchmarks: the data centre side by side with the programs that people use today, in one run on one file system."""
