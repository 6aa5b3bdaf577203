"""The largest archive that is taken: a million empty files over the REST API, and no process grows with them."""

from pathlib import Path

import pytest
from support.archives.layouts import zip_of_empty_files

from datacenter.archives.limits import Limits

MILLION = Limits().entries
MAX_MIB = 512
PATIENCE_SECONDS = 1_500
PATIENT = {"DATACENTER__LEDGER__LEASE_SECONDS": "60", "DATACENTER__LEDGER__HEARTBEAT_SECONDS": "5"}


@pytest.mark.real
@pytest.mark.timeout(2 * PATIENCE_SECONDS)
@pytest.mark.parametrize("own_centre", [PATIENT], indirect=True)
def test_a_million_empty_files_are_imported_in_512_mib(own_centre, tmp_path: Path) -> None:
    archive = tmp_path / "million.zip"
    zip_of_empty_files(MILLION, archive)
    client = own_centre.client
    source = {"upload": client.uploads.send(archive)}

    dataset, job = client.datasets.create("million", source)
    ended = client.jobs.wait(job, timeout_seconds=PATIENCE_SECONDS)

    assert (ended.state, ended.attempts) == ("SUCCESS", 0), ended.error
    assert client.datasets.get(dataset.id).files == MILLION
    peaks = {pid: _peak_mib(pid) for pid in own_centre.pids()}
    assert max(peaks.values()) < MAX_MIB, peaks


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
