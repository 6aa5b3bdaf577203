"""Queries: a text is exactly one SELECT, or it never reaches the server."""

import re

from storage_adapters.errors import QueryInvalid
from storage_adapters.mysql.reading import Source

_TOKEN = re.compile(
    r"""
    (?P<comment> /\*.*?\*/ | \#[^\n]* | --(?=[\s\x00-\x20]|\Z)[^\n]* )
  | (?P<string>  '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
  | (?P<name>    `(?:[^`]|``)+` )
  | (?P<word>    [A-Za-z_$\u0080-\U0010ffff][\w$\u0080-\U0010ffff]* )
  | (?P<open>    /\* | ['"`] )
  | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
"""The server's own lexical rules under our sql_mode: no ANSI_QUOTES, backslashes escape."""

_FORBIDDEN = {
    "INTO": "writes elsewhere than to the dataset",
    "LOAD_FILE": "reads files of the server",
    "GET_LOCK": "takes a lock",
    "RELEASE_LOCK": "takes a lock",
    "SLEEP": "waits for nothing",
    "BENCHMARK": "works for nothing",
}
_LOCKING = {"UPDATE": "FOR", "SHARE": "FOR", "MODE": "SHARE"}
"""The word that, behind the other, locks the rows that are read."""


def one_select(query: str) -> str:
    """The query without its comments and the semicolon at its end.

    What is looked at here is its outer form; whether it has a meaning only the server can say. The session
    is read-only besides, and takes one statement at a time.

    Raises:
        QueryInvalid: it is anything but one SELECT (or WITH … SELECT); the detail says what is in the way.
    """
    pieces: list[str] = []
    words: list[str] = []
    depth = 0
    ended = False
    for token in _TOKEN.finditer(query):
        kind, text = token.lastgroup, token.group()
        if kind == "comment":
            _refuse_code_in_comment(text)
            pieces.append(" ")
            continue
        if ended and not text.isspace():
            raise QueryInvalid("The query is more than one statement: something follows the ';'.")
        if kind == "open":
            raise QueryInvalid(f"The query holds {text} that nothing closes.")
        if text == ";":
            ended = True
            continue
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            raise QueryInvalid("The query closes a bracket that it did not open.")
        if kind == "word":
            _refuse_word(text.upper(), words, pieces)
            words.append(text.upper())
        elif not words and kind != "word" and not text.isspace() and text != "(":
            raise QueryInvalid("The query must be one SELECT.")
        pieces.append(text)
    if depth:
        raise QueryInvalid("The query opens a bracket that it does not close.")
    if not words or words[0] not in ("SELECT", "WITH") or "SELECT" not in words:
        raise QueryInvalid(f"The query must be one SELECT, not {words[0] if words else 'nothing'}.")
    return "".join(pieces).strip()


def query_source(query: str) -> Source:
    """The query as a table to select from. Raises: QueryInvalid."""
    return Source(title="the query", sql=f"({one_select(query)}\n) AS `query`")


def _refuse_code_in_comment(text: str) -> None:
    if text.startswith(("/*!", "/*M!")):
        raise QueryInvalid("The query holds a comment that the server would run: /*! … */.")


def _refuse_word(word: str, before: list[str], pieces: list[str]) -> None:
    """A word that is a column's name behind a dot, or between backticks, is left alone."""
    if pieces and pieces[-1] == ".":
        return
    if word in _FORBIDDEN:
        raise QueryInvalid(f"The query holds {word}, which {_FORBIDDEN[word]}; as a name it needs backticks.")
    if before and _LOCKING.get(word) == before[-1]:
        raise QueryInvalid(f"The query locks the rows it reads: {before[-1]} {word}.")
