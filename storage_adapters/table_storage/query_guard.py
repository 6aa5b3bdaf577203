"""The query guard: only a text that is exactly one SELECT in the server's dialect is sent to the server."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from storage_adapters.errors import QueryInvalid

_LEXER = r"""
    (?P<refused> {refused} )
  | (?P<comment> {comment} )
  | (?P<string>  '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
  | (?P<name>    `(?:[^`]|``)+` )
  | (?P<word>    [A-Za-z_$\u0080-\U0010ffff][\w$\u0080-\U0010ffff]* )
  | (?P<open>    /\* | ['"`] )
  | (?P<other>   . )
"""
"""What the dialects have in common: backslashes escape in strings, backticks quote names."""


_FLAGS = re.VERBOSE | re.DOTALL


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Where servers differ: what a comment is, what is always rejected, and which words do more than read."""

    comment: str
    """A verbose regular expression; comments are removed before the query is sent."""
    refused: Mapping[str, str]
    """Verbose regular expressions of what is always rejected, and its name in the message: "The query contains …"."""
    forbidden: Mapping[str, str]
    """A word in capitals, and what it does, for the message."""
    locking: Mapping[str, str] = field(default_factory=dict)
    """Two words that lock rows: the second one, and the first one before it."""

    def tokens(self) -> re.Pattern[str]:
        """The lexical rules; `re` caches the compiled pattern."""
        return re.compile(_LEXER.format(refused=" | ".join(self.refused), comment=self.comment), _FLAGS)

    def refusal(self, query: str, position: int) -> str:
        """The name of what is rejected at this position."""
        return next(
            words
            for pattern, words in self.refused.items()
            if re.compile(pattern, _FLAGS).match(query, position)
        )


def one_select(query: str, dialect: Dialect) -> str:
    """The query without its comments and the semicolon at its end.

    Only the outer form is checked here; whether it is valid, the server decides.

    Raises:
        QueryInvalid: it is not exactly one SELECT (or WITH … SELECT); the detail says why.
    """
    pieces: list[str] = []
    words: list[str] = []
    depth = 0
    ended = False
    for token in dialect.tokens().finditer(query):
        kind, text = token.lastgroup, token.group()
        if kind == "refused":
            raise QueryInvalid(f"The query contains {dialect.refusal(query, token.start())}.")
        if kind == "comment":
            pieces.append(" ")
            continue
        if ended and not text.isspace():
            raise QueryInvalid("The query must be one statement: remove what follows the ';'.")
        if kind == "open":
            raise QueryInvalid(f"The query contains an unclosed {text}: close it.")
        if text == ";":
            ended = True
            continue
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            raise QueryInvalid("The query has a ')' without its '('.")
        if kind == "word":
            _refuse_word(dialect, text.upper(), words, pieces)
            words.append(text.upper())
        elif not words and not text.isspace() and text != "(":
            raise QueryInvalid("The query must be one SELECT.")
        pieces.append(text)
    if depth:
        raise QueryInvalid("The query has a '(' without its ')'.")
    if not words or words[0] not in ("SELECT", "WITH") or "SELECT" not in words:
        raise QueryInvalid(f"The query must be one SELECT, not {words[0] if words else 'nothing'}.")
    return "".join(pieces).strip()


def _refuse_word(dialect: Dialect, word: str, before: list[str], pieces: list[str]) -> None:
    """Reject a word of the dialect's, unless it follows a dot or stands in backticks, as a column's name."""
    if pieces and pieces[-1] == ".":
        return
    if word in dialect.forbidden:
        raise QueryInvalid(
            f"The query contains {word}, which {dialect.forbidden[word]}; if it is a name, put it in backticks."
        )
    if before and dialect.locking.get(word) == before[-1]:
        raise QueryInvalid(f"The query locks the rows it reads: remove {before[-1]} {word}.")
