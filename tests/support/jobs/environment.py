"""The environment of a running process."""

from pathlib import Path


def setting_of(pid: int, name: str) -> str | None:
    """A setting that a process was given by its environment."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs).get(f"DATACENTER__BROKER__{name}")
