"""The interface keeps to its own description, whatever is sent to it, with a token of each role.

Schemathesis generates the requests from the OpenAPI document: valid ones, invalid ones, and sequences of them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

SECONDS = 30
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
    "a_status_that_is_described",
)
TESTS = Path(__file__).resolve().parents[1]
ROLES = ("viewer", "editor", "admin", "admin and operator")


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre({}) as started:
        yield started


def token_of(centre, role: str) -> str:
    """A token of a project of its own: the requests of one role must not delete what those of another need."""
    name, _, operator = role.partition(" and ")
    command = [sys.executable, "-m", "datacenter.cli", "tokens", "create", role, "--role", name]
    command += ["--operator"] * bool(operator) + [
        "--project",
        f"interface-{role.replace(' ', '-')}",
        "--json",
    ]
    environment = {**os.environ, **centre.environment, **centre.settings}
    environment["DATACENTER_CONFIG"] = str(centre.running.home.config)
    environment.pop("DATACENTER_URL", None)
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    token: str = json.loads(made.stdout)["token"]
    return token


@pytest.mark.parametrize("role", ROLES)
def test_no_request_of_any_role_gets_an_answer_that_is_not_described(
    centre, tmp_path: Path, role: str
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{centre.url}/api/v1/openapi.json"]
    command += ["--header", f"Authorization: Bearer {token_of(centre, role)}", "--warnings", "off"]
    command += ["--max-time", str(SECONDS), "--checks", ",".join(CHECKS), "--continue-on-failure"]
    command += ["--generation-database", "none", "--request-timeout", "60"]
    hooks = {"SCHEMATHESIS_HOOKS": "support.servers.interface_hooks", "PYTHONPATH": str(TESTS)}
    ended = subprocess.run(
        command, cwd=tmp_path, env=os.environ | hooks, capture_output=True, text=True, timeout=SECONDS + 240
    )

    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2_000:]
