"""The sources of settings: a file, environment variables and flags, with the place of every value.

`layers` merges them; `file`, `variables` and `flags` read one source each; `faults` describes what is wrong. None of them
knows which settings exist.

pydantic-settings is not used: it ignores variables of an unknown name, stops at the first value that is not JSON, and
does not say where a value was set.
"""
