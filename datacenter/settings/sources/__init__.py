"""Configuration: what a file, variables and flags say, and where; it does not know what can be said.

`layers` puts one above the other, `yaml_file`, `variables` and `flags` read one each, `faults` tells what is wrong.

pydantic-settings is not used: it does not see variables of an unknown name, stops at the first that is no JSON, and does not
tell where a value was said.
"""
