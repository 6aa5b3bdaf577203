"""A shard of an import from a prefix: copy its objects, and see that they are still what was planned."""

from typing import Any, cast

import numpy as np
import pyarrow as pa

from datacenter.archives.arrow_bytes import texts
from jobs.contract import JobContext
from jobs.importing.copy_objects import Copy, copy_objects
from jobs.importing.plan_file import read_group
from jobs.importing.source_listing import Planned, check_unchanged
from jobs.importing.staging import Staging, manifest_rows


def import_prefix_shard(job: JobContext, staging: Staging, spec: dict[str, Any]) -> dict[str, Any]:
    """Copy the objects of one row group of the plan and write their manifest rows as a fragment.

    Raises:
        ObjectMissing, ObjectChanged: an object is not what the plan saw. What was stored of it goes with the undo.
    """
    place, group = job.payload["source"], spec["row_group"]
    source, prefix = job.resources.storages.open(place["storage"]), place["prefix"]
    entries, first, learned = read_group(staging, spec)
    keys = [prefix + name for name in texts(entries["name"])]
    sizes = cast(list[int], entries["size_bytes"].to_pylist())
    targets = [staging.object_key(first + row, path) for row, path in enumerate(texts(entries["path"]))]
    copies = [Copy(*each) for each in zip(keys, targets, sizes, strict=True)]
    is_same = place["storage"] == job.payload["storage"]
    crcs = copy_objects(job, source, staging.storage, copies, is_same=is_same)
    planned = list(map(Planned, keys, sizes, texts(entries["tag"])))
    check_unchanged(job, source, prefix, planned, in_folders=spec["in_folders"])
    fragment = staging.fragment_key(group)
    rows = manifest_rows(
        paths=entries["path"].combine_chunks(),
        sizes=entries["size_bytes"],
        crcs=pa.array(np.array(crcs, np.uint32)),
        labels=entries["labels"],
        annotations=entries["annotation"],
        keys=targets,
    )
    staging.write_fragment(fragment, rows)
    staging.storage.flush()
    return {"fragments": [fragment], **learned}
