"""The fixtures of `support.web.fixtures`, for the tests here."""

from support.web.fixtures import served, served_bucket, serving_on, web

__all__ = ["served", "served_bucket", "serving_on", "web"]
