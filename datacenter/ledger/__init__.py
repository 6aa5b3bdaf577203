"""The ledger: the tables that hold the truth about jobs."""
