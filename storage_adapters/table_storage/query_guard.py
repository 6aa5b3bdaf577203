"""One SELECT: a text is exactly one query in the server's own dialect, or it never reaches the server."""

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
"""What the dialects have in common: backslashes escape in strings, names stand between backticks."""


_FLAGS = re.VERBOSE | re.DOTALL


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Where servers differ: what a comment is, what is never let through, and which words do more than read."""

    comment: str
    """A verbose regular expression; comments are left out of what is sent."""
    refused: Mapping[str, str]
    """Verbose regular expressions of what is never sent, and what each is, in words: "The query holds …"."""
    forbidden: Mapping[str, str]
    """A word in capitals, and what it does."""
    locking: Mapping[str, str] = field(default_factory=dict)
    """The word that, behind the other, locks the rows that are read."""

    def tokens(self) -> re.Pattern[str]:
        """The lexical rules; compiled once, by `re` itself."""
        return re.compile(_LEXER.format(refused=" | ".join(self.refused), comment=self.comment), _FLAGS)

    def refusal(self, query: str, position: int) -> str:
        """What is refused there, in words."""
        return next(
            words
            for pattern, words in self.refused.items()
            if re.compile(pattern, _FLAGS).match(query, position)
        )


def one_select(query: str, dialect: Dialect) -> str:
    """The query without its comments and the semicolon at its end.

    What is looked at here is its outer form; whether it has a meaning only the server can say.

    Raises:
        QueryInvalid: it is anything but one SELECT (or WITH … SELECT); the detail says what is in the way.
    """
    pieces: list[str] = []
    words: list[str] = []
    depth = 0
    ended = False
    for token in dialect.tokens().finditer(query):
        kind, text = token.lastgroup, token.group()
        if kind == "refused":
            raise QueryInvalid(f"The query holds {dialect.refusal(query, token.start())}.")
        if kind == "comment":
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
            _refuse_word(dialect, text.upper(), words, pieces)
            words.append(text.upper())
        elif not words and not text.isspace() and text != "(":
            raise QueryInvalid("The query must be one SELECT.")
        pieces.append(text)
    if depth:
        raise QueryInvalid("The query opens a bracket that it does not close.")
    if not words or words[0] not in ("SELECT", "WITH") or "SELECT" not in words:
        raise QueryInvalid(f"The query must be one SELECT, not {words[0] if words else 'nothing'}.")
    return "".join(pieces).strip()


def _refuse_word(dialect: Dialect, word: str, before: list[str], pieces: list[str]) -> None:
    """A word that is a column's name behind a dot, or between backticks, is left alone."""
    if pieces and pieces[-1] == ".":
        return
    if word in dialect.forbidden:
        raise QueryInvalid(
            f"The query holds {word}, which {dialect.forbidden[word]}; as a name it needs backticks."
        )
    if before and dialect.locking.get(word) == before[-1]:
        raise QueryInvalid(f"The query locks the rows it reads: {before[-1]} {word}.")
