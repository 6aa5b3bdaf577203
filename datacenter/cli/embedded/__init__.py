"""The embedded data centre of `datacenter up`: everything on one machine, in one directory."""

from pathlib import Path

DEFAULT_HOME = Path("~/.datacenter")
