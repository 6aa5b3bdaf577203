"""Every hostile archive in the table has the result that the table names."""

import time

import pytest
from support.archives.hostile import HOSTILE, Hostile
from support.archives.reading import unpack

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits


@pytest.mark.parametrize("large_bytes", [16 * MIB, 0], ids=["whole", "in-chunks"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_the_archive_ends_as_the_table_says(hostile: Hostile, large_bytes: int) -> None:
    data = hostile.build()
    limits = Limits(**hostile.limits)
    started = time.monotonic()
    if hostile.code is not None:
        with pytest.raises(ArchiveRejected) as rejected:
            unpack(
                data, hostile.filename, limits, name_encoding=hostile.name_encoding, large_bytes=large_bytes
            )
        assert rejected.value.code == hostile.code, str(rejected.value)
        assert rejected.value.detail
        assert str(rejected.value).isprintable()
        assert len(rejected.value.entry or "") <= 200
    else:
        unpacked = unpack(
            data, hostile.filename, limits, name_encoding=hostile.name_encoding, large_bytes=large_bytes
        )
        assert hostile.paths is None or tuple(unpacked.files) == hostile.paths
        assert bool(unpacked.warnings) == hostile.warns
    assert time.monotonic() - started < 5
