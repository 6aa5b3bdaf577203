"""The database: the engine with its short transactions, and what is wrong when it refuses."""
