"""The scheduler: relays rings that were missed, sends webhooks, and repairs what crashes and time have left."""
