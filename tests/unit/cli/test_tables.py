"""Tables: aligned by terminal cells, as wide as the terminal, uncut for files and pipes."""

import io

from rich.cells import cell_len
from rich.console import Console

from datacenter.cli.tables import Column, print_table

SENTENCES = (Column(title="NAME"), Column(title="DETAIL", flexible=True, wraps=True))
COLUMNS = (Column(title="NAME", flexible=True), Column(title="SIZE", right=True), Column(title="STATE"))
LONG = "一个非常长的数据集名称" * 8


def printed(rows, *, terminal: bool, columns=COLUMNS) -> list[str]:
    file = io.StringIO()
    print_table(
        Console(file=file, force_terminal=terminal, width=60, color_system=None), columns, rows, empty="none"
    )
    return file.getvalue().splitlines()


def test_columns_are_aligned_though_chinese_letters_are_twice_as_wide():
    lines = printed([("数字", "1 B", "READY"), ("abcdef", "10 KiB", "FAILED")], terminal=True)

    assert [line.rstrip() for line in lines] == [
        "NAME      SIZE  STATE",
        "数字       1 B  READY",
        "abcdef  10 KiB  FAILED",
    ]


def test_a_terminal_is_never_overrun():
    lines = printed([(LONG, "1 B", "READY"), ("b", "1 B", "READY")], terminal=True)

    assert max(cell_len(line) for line in lines) <= 60
    assert "…" in lines[1]
    assert lines[1].endswith("READY")


def test_a_sentence_is_read_to_its_end_below_its_beginning():
    sentence = "The endpoint refuses the connection: check that the storage is running, and the port of the option 'endpoint'."

    lines = printed([("lake", sentence), ("hadoop", "It can be listed.")], terminal=True, columns=SENTENCES)

    assert [line.rstrip() for line in lines] == [
        "NAME    DETAIL",
        "lake    The endpoint refuses the connection: check that the",
        "        storage is running, and the port of the option",
        "        'endpoint'.",
        "hadoop  It can be listed.",
    ]
    assert printed([("lake", sentence)], terminal=False, columns=SENTENCES)[1] == f"lake  {sentence}"


def test_a_pipe_gets_whole_names():
    assert LONG in printed([(LONG, "1 B", "READY")], terminal=False)[1]


def test_no_rows_are_told_in_words():
    assert printed([], terminal=True) == ["none"]


def test_an_endless_listing_is_printed_as_it_comes_with_one_heading():
    lines = printed(((f"n{number}", "1 B", "READY") for number in range(1200)), terminal=False)

    assert len(lines) == 1201
    assert sum("NAME" in line for line in lines) == 1
