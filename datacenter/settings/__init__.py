"""Settings: what can be set, the rules between values, and how they are read from file, variables and flags."""
