"""Links: what they begin with, the name at their end, and which bytes a condition asks for."""

import io
import socket
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

NAME = "名字 + 50%"
EVIL = ["evil.example", "evil.example:80", "127.0.0.1@evil.example", "evil.example/x", "", "[::1", "a b"]


@pytest.fixture(scope="module")
def dataset(served) -> str:
    """The address of a small dataset."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", b"content")
    return f"/api/v1/datasets/{served.bench.imported(buffer.getvalue(), name=NAME).id}"


@pytest.fixture(scope="module")
def download(served, dataset) -> str:
    """The address of a download with a link."""
    made = served.done(served.client.post(f"{dataset}/downloads", json={"delivery": "stream"}))
    return f"/api/v1/downloads/{made['result']['download']['id']}"


@pytest.fixture(scope="module")
def link(served, download) -> str:
    return served.client.get(download).json()["url"]


def served_with(served, serving_on, **web: object):
    """Another server on the same data, with these settings."""
    settings = served.bench.resources.settings
    own = settings.model_copy(update={"web": settings.web.model_copy(update={"port": 0, **web})})
    return serving_on(replace(served.bench.resources, settings=own))


def link_of(url: str, path: str, served, **headers: str) -> str:
    token = {"Authorization": served.client.headers["Authorization"]}
    answer = httpx.get(f"{url}{path}", headers={**token, **headers})
    assert answer.status_code == 200, answer.text
    return answer.json()["url"]


@pytest.mark.parametrize("host", EVIL)
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded"])
def test_a_link_begins_with_the_address_of_the_server_whatever_a_request_says(
    served, download, header: str, host: str
) -> None:
    base = str(served.client.base_url).rstrip("/")

    url = link_of(base, download, served, **{header: host, "X-Forwarded-Proto": "https"})

    assert url.startswith(f"{base}/d/")


def test_a_request_for_a_whole_address_chooses_no_link(served, download) -> None:
    base = urlsplit(str(served.client.base_url))
    head = f"GET http://evil.example{download} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n"
    token = f"Authorization: {served.client.headers['Authorization']}\r\n\r\n"
    with socket.create_connection((base.hostname, base.port), 30) as connection:
        connection.sendall((head + token).encode())
        answer = connection.makefile("rb").read()

    assert f'"url":"http://{base.netloc}/d/'.encode() in answer


def test_a_trusted_proxy_names_the_host_of_links(served, serving_on, download) -> None:
    named = {"X-Forwarded-Host": "data.example.com", "X-Forwarded-Proto": "https"}
    with served_with(served, serving_on, trusted_proxies=("127.0.0.1",)) as url:
        assert link_of(url, download, served, **named).startswith("https://data.example.com/d/")
        assert link_of(url, download, served, Host="evil.example").startswith(f"{url}/d/")
        for host in ("a b", "evil.example/x", "u@evil.example", "evil.example,other", ""):
            assert link_of(url, download, served, **{**named, "X-Forwarded-Host": host}).startswith(
                f"{url}/d/"
            )
    with served_with(served, serving_on, trusted_proxies=("10.0.0.0/8",)) as url:
        assert link_of(url, download, served, **named).startswith(f"{url}/d/")


def test_the_setting_comes_before_all_else(served, serving_on, download) -> None:
    own = {"public_url": "https://data.example.com/sets/", "trusted_proxies": ("127.0.0.1",)}
    with served_with(served, serving_on, **own) as url:
        given = link_of(url, download, served, **{"Host": "evil.example", "X-Forwarded-Host": "evil.example"})

    assert given.startswith("https://data.example.com/sets/d/")


def test_a_link_ends_with_the_name_of_its_file_and_works_with_any_name_and_none(link) -> None:
    begin, _, name = link.rpartition("/")
    whole = httpx.get(link)

    assert name == quote(f"{NAME}.zip", safe="")
    assert whole.status_code == 200
    for other in ("", "/", "/other.exe", "/a/b/..%2f", "/%00%0DSet-Cookie:a=b", "/" + "n" * 2000):
        answer = httpx.get(begin + other)
        assert (answer.status_code, answer.content) == (200, whole.content), answer.text
        assert answer.headers["Content-Disposition"] == whole.headers["Content-Disposition"]
        assert answer.headers["Content-Type"] == whole.headers["Content-Type"]
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("program", "saved"),
    [(["wget", "-q"], f"{NAME}.zip"), (["curl", "-sSfO"], quote(f"{NAME}.zip", safe=""))],
    ids=["wget", "curl"],
)
def test_programs_save_a_link_under_the_name_of_the_file(
    link, tmp_path: Path, program: list[str], saved: str
) -> None:
    subprocess.run([*program, link], cwd=tmp_path, check=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin"})

    (file,) = tmp_path.iterdir()
    assert file.name == saved
    assert file.read_bytes() == httpx.get(link).content


@pytest.fixture(params=["file", "manifest", "link"])
def bytes_at(request, served, dataset, link):
    """An address of bytes, and how to ask for it."""
    address = {"file": f"{dataset}/files/a.txt", "manifest": f"{dataset}/manifest", "link": link}[
        request.param
    ]
    return lambda method, **headers: served.client.request(method, address, headers=headers)


def test_if_match_gives_the_bytes_that_were_asked_for_or_none(bytes_at) -> None:
    whole = bytes_at("GET")
    etag = whole.headers["ETag"]

    for matching in (etag, "*", f'"other", {etag}', f'W/"x",{etag} , "y"'):
        answer = bytes_at("GET", **{"If-Match": matching})
        assert (answer.status_code, answer.content) == (200, whole.content)
        part = bytes_at("GET", **{"If-Match": matching, "Range": "bytes=1-3"})
        assert (part.status_code, part.content) == (206, whole.content[1:4])
    for other in ('"other"', f"W/{etag}", etag.strip('"'), "", f'W/"x", W/{etag}', '"a", "b"'):
        answer = bytes_at("GET", **{"If-Match": other, "If-None-Match": etag, "Range": "bytes=0-0"})
        assert (answer.status_code, answer.json()["code"]) == (412, "PRECONDITION_FAILED"), other
        assert answer.headers["ETag"] == etag


def test_if_match_counts_for_head_where_there_is_one(bytes_at) -> None:
    etag = bytes_at("GET").headers["ETag"]

    matching = bytes_at("HEAD", **{"If-Match": etag}).status_code
    other = bytes_at("HEAD", **{"If-Match": '"other"'}).status_code

    assert (matching, other) in {(200, 412), (405, 405)}, "the manifest has no HEAD"
