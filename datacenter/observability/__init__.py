"""Observability: logs, metrics, traces, the request that code runs for, and signs of life."""
