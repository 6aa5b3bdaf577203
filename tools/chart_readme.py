"""The table of values in the chart's README: each value of values.yaml with its default and the comment above it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parents[1] / "helm" / "datacenter"
VALUES = CHART / "values.yaml"
TARGET = CHART / "README.md"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"


def readme_text() -> str:
    """The README with a new table."""
    before, rest = TARGET.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    rows = ["| value | default | |", "| --- | --- | --- |", *_rows(VALUES.read_text(encoding="utf-8"))]
    return "\n".join([before + BEGIN, *rows, END + after])


def _rows(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for path, key, value in _values(yaml.compose(text)):
        comment = _comment_above(lines, key.start_mark.line, key.start_mark.column)
        inner = isinstance(value, yaml.MappingNode) and not value.flow_style
        default = "" if inner else f"`{json.dumps(_plain(value), ensure_ascii=False)}`"
        if comment or not inner:
            yield f"| `{path}` | {_cell(default)} | {_cell(comment)} |"


def _values(node: yaml.Node | None, prefix: str = "") -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Every key, outer ones first; a mapping in braces on one line is one value."""
    assert isinstance(node, yaml.MappingNode), "values are a mapping"
    for key, value in node.value:
        path = f"{prefix}{key.value}" if "." not in key.value else f"{prefix}[{key.value}]"
        yield path, key, value
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _values(value, f"{path}.")


def _plain(node: yaml.Node) -> object:
    return yaml.safe_load(yaml.serialize(node))


def _comment_above(lines: list[str], line: int, column: int) -> str:
    """The comment directly above the key, at the same indentation, up to a blank line."""
    start = line
    mark = f"{' ' * column}#"
    while start and lines[start - 1].startswith(mark):
        start -= 1
    return " ".join(text[len(mark) :].strip() for text in lines[start:line])


def _cell(text: str) -> str:
    return re.sub(r"\|", r"\\|", text)


if __name__ == "__main__":
    TARGET.write_text(readme_text(), encoding="utf-8")
