"""Rows of a table by label: the values of one column are the labels, at most one per row."""

from typing import Any, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from datacenter.datasets.columns import Mask
from datacenter.datasets.label_filter import LabelFilter
from datacenter.formats.errors import LabelsInvalid

LABEL_COLUMN = "label"
"""The default label column."""

Texts: TypeAlias = "pa.ChunkedArray[pa.StringScalar] | pa.StringArray"


def find_label_column(schema: pa.Schema, wanted: str | None) -> str | None:
    """The column whose values are labels: the named one, or `label` if none is named and it exists.

    An empty text means none. Raises: LabelsInvalid, also for a column whose type cannot hold labels.
    """
    name = LABEL_COLUMN if wanted is None and LABEL_COLUMN in schema.names else wanted
    if not name:
        return None
    if name not in schema.names:
        raise LabelsInvalid("BAD_LABELS", "label_column: the table has no such column", name)
    kind = schema.field(name).type
    if not any(fits(kind) for fits in _FITTING):
        detail = (
            f"label_column: a column of {kind} cannot hold labels, only text, whole numbers or booleans can"
        )
        raise LabelsInvalid("BAD_LABELS", f"{detail}; name another one, or an empty text for none", name)
    return name


def labels_of(rows: pa.Table | pa.RecordBatch, label_column: str | None) -> Texts:
    """The label of each row, stripped; null where a row has none."""
    if label_column is None:
        return cast(Texts, pa.nulls(rows.num_rows, pa.string()))
    texts: Any = pc.utf8_trim_whitespace(rows[label_column].cast(pa.string()))
    return cast(Texts, pc.if_else(pc.equal(texts, pa.scalar("")), pa.scalar(None, pa.string()), texts))


def rows_matching(labels: Texts, wanted: LabelFilter) -> Mask:
    """The rows that match a label filter; a row without a label matches no named label."""
    conditions = [[label] for label in wanted.all] + ([list(wanted.any)] if wanted.any else [])
    mask: Any = pa.array([True] * len(labels), pa.bool_())
    for condition in conditions:
        mask = pc.and_(mask, _is_one_of(labels, condition))
    return cast(Mask, pc.and_not(mask, _is_one_of(labels, list(wanted.none))))


def _is_one_of(labels: Texts, wanted: list[str]) -> Any:
    return pc.is_in(labels, value_set=pa.array(wanted, pa.string()))


_FITTING = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean)
