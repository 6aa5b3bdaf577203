"""Scrapes as Prometheus sees them, and free ports to be scraped at."""

import socket
from collections.abc import Iterator

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Scrape:
    """All samples that an address gave at one moment."""

    def __init__(self, text: str) -> None:
        self.samples: list[Sample] = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def sum(self, name: str, **labels: str) -> float:
        """The sum over all series of this name with these labels; 0 if there are none."""
        return sum(sample.value for sample in self.having(name, **labels))

    def having(self, name: str, **labels: str) -> Iterator[Sample]:
        """The series of this name with these labels."""
        for sample in self.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample

    def names(self) -> set[str]:
        return {sample.name for sample in self.samples}


def scrape(port: int) -> Scrape:
    return Scrape(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30, trust_env=False).text)


def free_ports() -> int:
    """A free port with a free one next to it: the worker's, and the scheduler's."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
