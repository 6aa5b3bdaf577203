"""Observability: logs, metrics, traces, request context, and signs of life."""
