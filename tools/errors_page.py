"""Write docs/errors.md from the code: every error code, its status, whether a retry may succeed, its meaning and the cure.

python tools/errors_page.py            write it
python tools/errors_page.py --check    exit 1 if it is out of date
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from datacenter.archives.errors import ARCHIVE_CODES
from datacenter.errors import CodeMeaning, DataCentreError
from datacenter.formats.errors import LABELS_CODES
from datacenter.ledger.doorbell import BrokerUnavailable
from datacenter.observability.liveness import NoSignOfLife
from datacenter.web.problems import STATUS, WEB_CODES
from jobs.delete_dataset import LeftoversRemain
from jobs.engine.errors import JOB_CODES
from storage_adapters.errors import StorageError

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
ELSEWHERE = (BrokerUnavailable, LeftoversRemain, NoSignOfLife)
"""Error classes outside of the error modules: imported here, so that they are among the subclasses."""
BEGIN = """\
# Errors

*This page is written from the error classes by `make errors-page`.*

A request that fails is answered with `application/problem+json`: `code` is for programs and does not change, `detail` is for
people and may. A job that fails has `error` with `code`, `message` and, where there is one, `entry`: the file, key or
value that is wrong. The command line prints both and, with `--json`, gives both to programs; the Python client raises
`Problem` with `code`, `status` and `detail`.

**Again** says whether a retry may succeed without any change. The workers then retry the job, up to
`ledger.attempts` attempts, before it ends in FAILURE; its work is kept, and `POST /api/v1/jobs/{id}/retry` or
`datacenter jobs retry` continues from there. *No* means: first do what the last column says. The `retryable` of a job's `error` says
whether a retry can succeed at all, for example after a storage was repaired; it is false if the source or the request is wrong.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A code on the page."""

    code: str
    meaning: str
    cure: str
    retryable: bool
    status: int | None = None


def page() -> str:
    """The whole page."""
    requests = [row for row in rows_of(DataCentreError) if row.status is not None]
    programs = [row for row in rows_of(DataCentreError) if row.status is None]
    web = [row_of(code, meaning, status) for code, (status, meaning) in WEB_CODES.items()]
    parts = [
        BEGIN,
        section("Requests", "Answers of REST; some are also errors of jobs.", [*requests, *web]),
        section(
            "Storages",
            "Answers of REST with the status given, and errors of jobs. The answer names the storage in `storage`.",
            rows_of(StorageError),
        ),
        section(
            "Archives",
            "Errors of imports: the archive or the folder breaks a rule, and no dataset is made.",
            named(ARCHIVE_CODES.items()),
        ),
        section("Labels", "Errors of imports: the labels cannot be used.", named(LABELS_CODES.items())),
        section(
            "Jobs and programs",
            "Errors of jobs, and of programs in their logs and messages.",
            [*named(JOB_CODES.items()), *programs],
        ),
    ]
    return "\n".join(parts)


def rows_of(root: type[DataCentreError] | type[StorageError]) -> Iterator[Row]:
    """A row for each code of a class and its subclasses; classes with the same code share a row.

    Raises: ValueError, a class has no `cure`.
    """
    by_code: dict[str, list[type[DataCentreError] | type[StorageError]]] = {}
    for kind in family(root):
        if "code" in vars(kind) and kind is not DataCentreError:
            by_code.setdefault(kind.code, []).append(kind)
    for code, kinds in by_code.items():
        for kind in kinds:
            if not vars(kind).get("cure"):
                raise ValueError(f"{kind.__name__} has a code but no `cure`; say there what to do")
        yield Row(
            code=code,
            meaning=" ".join(dict.fromkeys(first_paragraph(kind) for kind in kinds)),
            cure=" ".join(dict.fromkeys(kind.cure for kind in kinds)),
            retryable=kinds[0].retryable,
            status=status_in_rest(kinds[0]),
        )


def family(root: type[Exception]) -> Iterator[type[Exception]]:
    """A class and all its subclasses."""
    yield root
    for kind in root.__subclasses__():
        yield from family(kind)


def status_in_rest(kind: type[Exception]) -> int | None:
    """The status of the answer; None for errors of programs, which no request gets."""
    nearest = next(each for each in kind.__mro__ if each in STATUS)
    return None if nearest is DataCentreError else STATUS[nearest]


def first_paragraph(kind: type[Exception]) -> str:
    """The meaning: the first paragraph of the class's docstring."""
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split()).split(" `code` is stable")[0]


def named(codes: Iterable[tuple[str, CodeMeaning]]) -> list[Row]:
    """Rows of codes without a class."""
    return [row_of(code, meaning) for code, meaning in codes]


def row_of(code: str, meaning: CodeMeaning, status: int | None = None) -> Row:
    """A row of a code without a class."""
    return Row(
        code=code, meaning=meaning.meaning, cure=meaning.cure, retryable=meaning.retryable, status=status
    )


def section(title: str, about: str, rows: Iterable[Row]) -> str:
    """A table, by status and code; without a status column if no row has a status."""
    ordered = sorted(rows, key=lambda row: (row.status or 0, row.code))
    has_status = any(row.status for row in ordered)
    heads = ["code", *(["status"] if has_status else []), "again", "what it means", "what to do"]
    lines = [f"## {title}", "", about, "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row in ordered:
        status = [str(row.status or "")] if has_status else []
        cells = [f"`{row.code}`", *status, "yes" if row.retryable else "no", row.meaning, row.cure]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or with `--check` compare it."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/errors.md is out of date; run make errors-page", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
