"""The demonstration: real labelled files imported, exported by label, downloaded and deleted; each step is checked."""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from account import Account, Step
from checks import Mismatch, archive_matches, nothing_left_of, require, stored_bytes_match
from source import Source, make_sources

from datacenter.cli.embedded.background import Running, left_running, running
from datacenter.cli.errors import CommandFailed
from datacenter.client import Client, ClientError, Dataset, Problem

EXPORTED = frozenset({"3", "7"})
KEPT_SECONDS = 5


class Interrupted(Exception):
    """The demonstration breaks a transfer on purpose."""


class Demonstration:
    """All steps on one data centre; the user's files are in `desk`."""

    def __init__(self, account: Account, up: Running, client: Client, desk: Path) -> None:
        self._account = account
        self._up = up
        self._client = client
        self._desk = desk
        self._storage = up.home.root / "storage"

    def run(self, first: Source, second: Source) -> None:
        """Run all steps. Raises: Mismatch."""
        digits = self._import_resuming(first)
        three = self._import_by_command(second)
        self._list(first, second)
        self._export(first, second, digits, three)
        self._download(first, digits)
        self._delete(digits, three)

    def _import_resuming(self, source: Source) -> Dataset:
        with self._account.step(
            f"imported {len(source.files):,} labelled PNG files by an upload that broke half-way"
        ) as step:
            upload = self._client.uploads.begin(source.archive)
            try:
                self._client.uploads.resume(upload, source.archive, on_progress=_break_half_way)
            except Interrupted:
                kept = self._kept(upload)
            else:
                raise Mismatch("the upload did not break")
            step.result(
                f"the server kept {kept:,} of {source.archive.stat().st_size:,} bytes; the rest followed from there"
            )
            self._client.uploads.resume(upload, source.archive)
            dataset, job = self._client.datasets.create(source.name, {"upload": upload})
            job = self._client.jobs.wait(job)
            require(job.succeeded, f"the import ended in {job.state}: {job.error}")
            dataset = self._client.datasets.get(dataset.id)
            self._check(dataset, source, step)
        return dataset

    def _kept(self, upload: str) -> int:
        """The offset, after the server has noticed the broken connection."""
        end = time.monotonic() + KEPT_SECONDS
        while not (kept := self._client.uploads.offset(upload)):
            require(time.monotonic() < end, "the server has nothing of the broken upload")
            time.sleep(0.05)
        return kept

    def _import_by_command(self, source: Source) -> Dataset:
        with self._account.step(
            f"imported {len(source.files):,} of them again with Chinese names, by the command line"
        ) as step:
            self._command("datasets", "import", source.name, str(source.archive))
            dataset = self._client.datasets.find(source.name)
            self._check(dataset, source, step)
        return dataset

    def _check(self, dataset: Dataset, source: Source, step: Step) -> None:
        require(dataset.labels == source.labels(), f"{dataset.name} has other labels: {dataset.labels}")
        files = stored_bytes_match(self._client, dataset, source, self._storage)
        step.result(f"all {files:,} files are on the storage with the source's bytes, CRC-32 and labels")

    def _list(self, first: Source, second: Source) -> None:
        with self._account.step("listed both datasets and the files of one") as step:
            listed = {item["name"]: item for item in json.loads(self._command("datasets", "list", "--json"))}
            require(listed.keys() == {first.name, second.name}, f"the list shows {sorted(listed)}")
            files = json.loads(self._command("datasets", "files", second.name, "--label", "7", "--json"))
            require(
                [file["path"] for file in files] == sorted(second.only(frozenset({"7"}))),
                "other files have label 7",
            )
            path = files[0]["path"]
            image = b"".join(self._client.datasets.read_file(listed[second.name]["id"], path))
            require(image == second.files[path], f"{path} reads back with other bytes")
            step.result(f"{len(files)} files have label 7; {path} reads back byte for byte")

    def _export(self, first: Source, second: Source, digits: Dataset, three: Dataset) -> None:
        expected = first.only(EXPORTED) | second.only(EXPORTED)
        with self._account.step("exported the labels 3 and 7 out of both datasets into one zip") as step:
            options = [option for label in sorted(EXPORTED) for option in ("--label", label)]
            preview = json.loads(
                self._command("export", digits.name, three.name, *options, "--preview", "--json")
            )
            require(preview["files"] == len(expected), f"the preview counts {preview['files']} files")
            target = self._desk / "threes and sevens.zip"
            self._command("export", digits.name, three.name, *options, "-o", str(target))
            files = archive_matches(target, expected)
            step.result(
                f"{files:,} files, as in the preview, each with the source's bytes; {target.stat().st_size:,} bytes"
            )

    def _download(self, source: Source, dataset: Dataset) -> None:
        built, streamed = self._desk / "built.zip", self._desk / "streamed.zip"
        with self._account.step("downloaded the archive that workers built"):
            self._command("download", dataset.name, "--delivery", "archive", "-o", str(built))
            archive_matches(built, source.files)
        with self._account.step("downloaded it as a stream that broke half-way and was resumed") as step:
            job = self._client.jobs.wait(self._client.downloads.of_dataset(dataset.id, delivery="stream"))
            require(job.succeeded, f"the download ended in {job.state}: {job.error}")
            link = self._client.downloads.of_job(job)
            require(link.url is not None, "the stream has no link")
            try:
                self._client.downloads.fetch(link.url or "", streamed, on_progress=_break_half_way)
            except Interrupted:
                begun = streamed.with_name("streamed.zip.part").stat().st_size
            else:
                raise Mismatch("the download did not break")
            progress: list[int] = []
            self._client.downloads.fetch(
                link.url or "", streamed, on_progress=lambda done, _: progress.append(done)
            )
            require(min(progress) > begun > 0, "the second transfer started over")
            step.result(f"resumed at byte {begun:,} of {streamed.stat().st_size:,}")
            digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (built, streamed)}
            require(len(digests) == 1, "the two deliveries differ")
            step.result(f"both deliveries have the same bytes, SHA-256 {digests.pop()[:16]}…")

    def _delete(self, *datasets: Dataset) -> None:
        with self._account.step("deleted both datasets") as step:
            for dataset in datasets:
                self._command("datasets", "delete", dataset.name, "--yes")
                try:
                    self._client.datasets.get(dataset.id)
                except Problem as problem:
                    require(problem.status == 404, f"a deleted dataset answers {problem.status}")
                else:
                    raise Mismatch(f"{dataset.name} is still there")
            nothing_left_of(datasets, self._storage)
            step.result("both are 404, and none of their objects is left on the storage")

    def _command(self, *arguments: str) -> str:
        """The output of `datacenter …`. Raises: Mismatch when it fails."""
        command = [sys.executable, "-m", "datacenter.cli", *arguments]
        done = subprocess.run(
            command, env=self._up.environment(), capture_output=True, text=True, check=False
        )
        require(
            done.returncode == 0,
            f"datacenter {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}",
        )
        return done.stdout


def _break_half_way(done: int, total: int | None) -> None:
    if total and total // 2 <= done < total:
        raise Interrupted


def main() -> int:
    """0 if every check passed."""
    account = Account()
    account.title("datacenter: the 1,797 handwritten digits, all the way through")
    try:
        with tempfile.TemporaryDirectory(prefix="datacenter-demo-") as directory:
            desk = Path(directory)
            first, second = make_sources(desk)
            with ExitStack() as stack:
                with account.step("started a private data centre") as step:
                    up = stack.enter_context(running(desk / "home"))
                    client = stack.enter_context(up.client())
                    step.result(f"processes: {', '.join(up.processes())}; REST at {up.url}")
                Demonstration(account, up, client, desk).run(first, second)
                with account.step("stopped it") as step:
                    stack.close()
                    require(left_running(up.home) == [], "processes are still running")
                    step.result("no process is left")
        require(not desk.exists(), f"{desk} is still there")
    except (Mismatch, CommandFailed, ClientError) as error:
        account.failed(str(error))
        return 1
    account.end("every check passed, and nothing is left behind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
