"""Configuration: what a file, variables and flags say, and where; it does not know what can be said.

`layers` puts one above the other, `yaml_file`, `variables` and `flags` read one each, `faults` tells what is wrong.
"""
