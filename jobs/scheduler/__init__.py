"""The scheduler: relays missed rings, sends webhooks, and cleans up after crashes and expiry."""
