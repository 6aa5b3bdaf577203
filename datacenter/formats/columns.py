"""Columns: which fields of a label file hold the path and the labels; every other one is annotation."""

import re

PATH_NAMES = ("path", "file_name", "filename", "file", "image")
"""The first of these that a file has is the path."""

LABEL_NAMES = ("labels", "label", "class", "category")
"""All of these that a file has are labels; only `labels` may hold several."""

ANNOTATION_NAME = "annotation"
"""If nothing else is left, its value is the annotation itself; otherwise it is one key of an object."""

LABEL_SEPARATORS = re.compile(r"[|;]")
