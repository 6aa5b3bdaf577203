"""The page of all errors says what the code says, and lists every code that the code can answer."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import get_args

from datacenter.archives.errors import ARCHIVE_CODES, ArchiveCode
from datacenter.formats.errors import LABELS_CODES, LabelsCode

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "errors.md"
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")
CALLS_WITH_CODES = {"problem", "Failure", "error_record", "ArchiveRejected", "LabelsInvalid"}


def test_the_page_of_errors_is_what_the_classes_say() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/errors_page.py", "--check"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr


def test_every_code_of_archives_and_labels_has_its_meaning() -> None:
    assert ARCHIVE_CODES.keys() == set(get_args(ArchiveCode))
    assert LABELS_CODES.keys() == set(get_args(LabelsCode))


def test_every_code_that_the_code_answers_is_on_the_page() -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.M))

    answered = set(answered_codes())

    assert {"TOO_BUSY", "WORKER_LOST", "PRECONDITION_FAILED", "NAME_TAKEN", "OVERLAP"} <= answered
    assert answered <= listed


def answered_codes() -> Iterator[str]:
    """Literal codes in calls, the codes of classes, and the phrases of raised HTTP statuses."""
    for package in ("datacenter", "jobs", "storage_adapters"):
        for path in (REPOSITORY / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield from codes_of_call(node)
                elif isinstance(node, ast.ClassDef) and is_error(node):
                    yield from codes_of_class(node)


def codes_of_call(call: ast.Call) -> Iterator[str]:
    """`problem(503, "TOO_BUSY", …)`, `Failure(code="INTERNAL")`, `HTTPException(415, …)`."""
    name = getattr(call.func, "id", None) or getattr(call.func, "attr", "")
    values = [*call.args[:2], *(each.value for each in call.keywords if each.arg == "code")]
    literals = [value.value for value in values if isinstance(value, ast.Constant)]
    if name in CALLS_WITH_CODES:
        yield from (each for each in literals if isinstance(each, str) and CODE.fullmatch(each))
    if name == "HTTPException" and literals and literals[0] not in (404, 413):
        yield HTTPStatus(literals[0]).phrase.upper().replace(" ", "_")


def is_error(node: ast.ClassDef) -> bool:
    """Whether a class is an exception of ours that has a parent with a code; the roots aside."""
    return bool(node.bases) and not any(getattr(base, "id", "") == "Exception" for base in node.bases)


def codes_of_class(node: ast.ClassDef) -> Iterator[str]:
    """`code = "NOT_FOUND"` in the body of a class."""
    for line in node.body:
        if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "code":
            assert isinstance(line.value, ast.Constant)
            yield line.value.value
