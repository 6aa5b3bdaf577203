"""The Python examples of the documentation run as they are, and print what the pages say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.M | re.S)
PYTHON_BEFORE = """
import os
from pathlib import Path
from datacenter.client import Client

with Client(os.environ["DATACENTER_URL"], os.environ["DATACENTER_TOKEN"]) as client:
    dataset, job = client.datasets.create("digits", {"upload": client.uploads.send(Path("digits.zip"))})
    assert client.jobs.wait(job).succeeded
"""
PYTHON_AFTER = """
with Client(os.environ["DATACENTER_URL"], os.environ["DATACENTER_TOKEN"]) as client:
    client.jobs.wait(client.datasets.delete(client.datasets.find("digits").id))
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A directory with the digits, as the pages have them made."""
    maker = REPOSITORY / "examples" / "digits" / "make_archive.py"
    subprocess.run([sys.executable, maker, "digits.zip"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_the_examples_of_the_page_on_the_client_print_what_the_page_says(centre, desk: Path):
    code, printed = examples_of("docs/client.md")

    assert output_of(code, centre, desk) == printed


def test_the_example_of_the_readme_prints_what_the_readme_says(centre, desk: Path):
    code, printed = examples_of("README.md")

    assert output_of(f"{PYTHON_BEFORE}\n{code}\n{PYTHON_AFTER}", centre, desk) == printed


def examples_of(page: str) -> tuple[str, str]:
    """The blocks of Python of a page as one program, and the blocks of text as what it prints."""
    blocks = BLOCK.findall((REPOSITORY / page).read_text(encoding="utf-8"))
    code, printed = (
        "".join(text for kind, text in blocks if kind == wanted) for wanted in ("python", "text")
    )
    assert code
    assert printed
    return code, printed


def output_of(code: str, centre, desk: Path) -> str:
    """What a program prints that knows nothing but the data centre's address and a token."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=desk, env=centre.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
