"""Prometheus, which scrapes what a test runs, every second."""

import json
from pathlib import Path
from typing import Any

import httpx
from services.server import Server

CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: datacenter
    static_configs: [{{targets: {targets}}}]
"""


class PrometheusServer(Server):
    """A Prometheus on loopback, its data in its directory."""

    name = "prometheus"
    programs = ("prometheus",)

    def __init__(self, directory: Path, *, ports: list[int], rules: dict[str, Any]) -> None:
        """`ports` of this machine are scraped; `rules` is a file of rules as Python has it."""
        super().__init__(directory)
        rules_file = self.directory / "rules.yml"
        rules_file.write_text(json.dumps(rules))
        targets = json.dumps([f"127.0.0.1:{port}" for port in ports])
        config = CONFIG.format(rules=rules_file, targets=targets)
        (self.directory / "prometheus.yml").write_text(config)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it in the foreground."""
        self.spawn(
            "prometheus",
            f"--config.file={self.directory}/prometheus.yml",
            f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer. Raises: AssertionError, with the message of Prometheus."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30, trust_env=False)
        assert answer.is_success, f"{parameters}: {answer.text}"
        return answer.json()["data"]

    def query(self, expression: str) -> list[Any]:
        """What an expression gives now."""
        found: list[Any] = self.get("query", query=expression)["result"]
        return found
