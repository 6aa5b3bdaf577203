"""TLS with a server that has it: each mode of the option `tls` encrypts or rejects as documented."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from services.mariadb import MariadbServer

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.mysql.connection import connected, fetch
from storage_adapters.mysql.options import options_from_url

pytestmark = pytest.mark.real


class MariadbWithTls(MariadbServer):
    """The server with a certificate that is its own authority."""

    @property
    def certificate(self) -> Path:
        return self.directory / "certificate.pem"

    def spawn(self, *command: str, env: Mapping[str, str] | None = None) -> None:
        key = self.directory / "key.pem"
        request = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]
        request += [
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            f"{key}",
            "-out",
            f"{self.certificate}",
        ]
        subprocess.run(request, check=True, capture_output=True)
        super().spawn(*command, f"--ssl-cert={self.certificate}", f"--ssl-key={key}", env=env)


@pytest.fixture(scope="module")
def server() -> Iterator[MariadbWithTls]:
    # A short path, because the name of a unix socket has room for about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="dc-") as directory, MariadbWithTls(Path(directory)) as started:
        yield started


def cipher(server: MariadbWithTls, **options: str) -> str:
    """What the connection is encrypted with; empty if it is not."""
    chosen = options_from_url(f"mysql://{urlsplit(server.url).netloc}", options)
    with connected(chosen) as connection:
        ((_, value),) = fetch(connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    return str(value)


@pytest.mark.parametrize("mode", ["preferred", "required"])
def test_it_is_encrypted_whatever_the_certificate(server: MariadbWithTls, mode: str) -> None:
    assert cipher(server, tls=mode)


def test_it_is_not_encrypted_where_that_is_off(server: MariadbWithTls) -> None:
    assert cipher(server, tls="off") == ""


@pytest.mark.parametrize("mode", ["verify-ca", "verify-identity"])
def test_a_certificate_counts_with_its_authority_only(server: MariadbWithTls, mode: str) -> None:
    assert cipher(server, tls=mode, tls_ca=str(server.certificate))
    with pytest.raises(ConfigurationInvalid, match="TLS with the server failed"):
        cipher(server, tls=mode)
