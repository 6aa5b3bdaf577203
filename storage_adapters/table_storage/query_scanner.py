"""The scanner's half of the query guard: comments go, and what a server reads in another way than a parser is rejected."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from storage_adapters.errors import ConfigurationInvalid, QueryInvalid

MAX_CHARACTERS = 65_536
MAX_DEPTH = 24
"""Brackets inside of brackets. The parser calls itself about 25 times for each, of the 1,000 times that Python allows."""

_LEXER = r"""
    (?P<refused> {refused} )
  | (?P<comment> {comment} )
  | (?P<string>  '(?:[^'\\]|\\.{single})*' | "(?:[^"\\]|\\.{double})*" )
  | (?P<name>    `(?:[^`]|``)+` )
  | (?P<number>  (?: 0[xX][0-9A-Fa-f]+ | 0[bB][01]+ | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?{suffix} )
                 (?![\w$\u0080-\U0010ffff]) )
  | (?P<word>    [A-Za-z_$\u0080-\U0010ffff][\w$\u0080-\U0010ffff]* )
  | (?P<open>    /\* | ['"`] )
  | (?P<space>   [ \t\r\n]+ )
  | (?P<other>   . )
"""
"""What the dialects have in common: backslashes escape in strings, backticks quote names."""


_FLAGS = re.VERBOSE | re.DOTALL

_NAMES = re.compile(r"[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)*", re.ASCII)

_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
"""Of a pair in UTF-16: it cannot be sent as UTF-8."""

_PLAIN_WORD = re.compile(r"[\w$]+")

_ODD: Mapping[str, str] = {
    "@": "a variable: @",
    "{": "a brace: {",
    "}": "a brace: }",
    "\\": "a backslash outside of quotes",
    **dict.fromkeys("0123456789", "a name that begins with a digit: put it in backticks"),
}
"""Single characters that no query needs, and what they are."""

_WORDS = """
against all and any as between by case columns cube distinct div else except exists filter from group having in
index intersect interval is join key lateral like limit minus not of offset on or order over partition pivot
regexp rlike rollup select sets some tablesample then union unpivot using values when where with xor
"""
_BEFORE_BRACKETS = frozenset(_WORDS.split())
"""Words that may stand before a bracket and call nothing, unless they are in quotes. If the parser nevertheless takes one for
the name of a function, that has to be known."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Where servers differ: what a comment is, what is always rejected, and which words do more than read."""

    parser: str
    """The parser's name for the dialect."""
    comment: str
    """A verbose regular expression; comments are removed before the query is sent."""
    refused: Mapping[str, str]
    """Verbose regular expressions of what is always rejected, and its name in the message: "The query contains …"."""
    forbidden: Mapping[str, str]
    """A word in capitals, and what it does, for the message."""
    functions: frozenset[str]
    """The functions that only compute, in small letters: all others are rejected."""
    locking: Mapping[str, str] = field(default_factory=dict)
    """Two words that lock rows: the second one, and the first one before it."""
    suffix: str = ""
    """A verbose regular expression of the letters that may end a number."""
    doubled_quotes: bool = True
    """Whether two quotes stand for one in a text; otherwise the text ends and another one begins, which servers join."""
    file_formats: frozenset[str] = frozenset()
    """Names, in small letters, that let the server read files if they stand in a database's place."""

    def tokens(self) -> re.Pattern[str]:
        """The lexical rules; `re` caches the compiled pattern."""
        single, double = ("|''", '|""') if self.doubled_quotes else ("", "")
        rules = _LEXER.format(
            refused=" | ".join(self.refused),
            comment=self.comment,
            suffix=self.suffix,
            single=single,
            double=double,
        )
        return re.compile(rules, _FLAGS)

    def refusal(self, query: str, position: int) -> str:
        """The name of what is rejected at this position."""
        return next(
            words
            for pattern, words in self.refused.items()
            if re.compile(pattern, _FLAGS).match(query, position)
        )


@dataclass(frozen=True, kw_only=True)
class Call:
    """A name that stands before a bracket, as a function's does."""

    name: str
    """In small letters, without quotes; its parts joined by dots."""
    start: int
    """Where its last part begins in the text that will be sent."""


@dataclass(frozen=True, kw_only=True)
class ScannedQuery:
    """The text that will be sent, and what the scanner knows of it."""

    original: str
    text: str
    quoted: list[tuple[int, int]]
    """Where texts and names in quotes begin and end."""
    calls: list[Call]
    shifts: list[tuple[int, int]]
    """A position in the text and the same one in the original, after each comment."""

    def where(self, position: int) -> str:
        """A position in the text as line and column of the original."""
        in_text, in_original = next(pair for pair in reversed(self.shifts) if pair[0] <= position)
        return place_in(self.original, in_original + position - in_text)


def place_in(text: str, position: int) -> str:
    """`line 2, column 7`."""
    before = text[: max(position, 0)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def own_functions(names: str, dialect: Dialect) -> frozenset[str]:
    """The functions that a storage's option `functions` adds: names with commas, `score, acme.clean`.

    Raises:
        ConfigurationInvalid: one is no name, or does more than compute.
    """
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        if not _NAMES.fullmatch(name):
            raise ConfigurationInvalid(
                f"Option 'functions' must be names of functions with commas between them; {name[:80]!r} is none."
            )
        does = dialect.forbidden.get(name.rpartition(".")[2].upper())
        if does:
            raise ConfigurationInvalid(f"Option 'functions' must not hold {name}, which {does}: remove it.")
    return frozenset(name.lower() for name in found)


def scan(query: str, dialect: Dialect) -> ScannedQuery:
    """Look at the outer form of a query. Raises: QueryInvalid: it is not that of one SELECT; the detail says why."""
    if len(query) > MAX_CHARACTERS:
        raise QueryInvalid(f"The query has more than {MAX_CHARACTERS} characters: shorten it.")
    if half := _HALF_CHARACTER.search(query):
        raise QueryInvalid(
            f"The query contains half a character ({place_in(query, half.start())}): remove it."
        )
    return _Scanner(query, dialect).scan()


class _Scanner:
    """The outer form of one query, token by token."""

    def __init__(self, query: str, dialect: Dialect) -> None:
        self._query = query
        self._dialect = dialect
        self._pieces: list[str] = []
        self._length = 0
        self._shifts = [(0, 0)]
        self._quoted: list[tuple[int, int]] = []
        self._calls: list[Call] = []
        self._words: list[str] = []
        self._path: list[str] = []
        """The names before the token, with dots between them."""
        self._name_start = 0
        """Where the last of them begins."""
        self._before = ""
        """The token before, blanks and comments left out."""
        self._depth = 0
        self._ended = False
        self._odd = ""

    def scan(self) -> ScannedQuery:
        """Raises: QueryInvalid."""
        for token in self._dialect.tokens().finditer(self._query):
            kind, text = str(token.lastgroup), token.group()
            if kind == "refused":
                words = self._dialect.refusal(self._query, token.start())
                raise QueryInvalid(f"The query contains {words}.")
            if kind == "comment":
                self._append(" ")
                self._shifts.append((self._length, token.end()))
            elif kind == "space":
                self._append(text)
            elif self._ended:
                raise QueryInvalid("The query must be one statement: remove what follows the ';'.")
            elif text == ";":
                self._ended = True
            else:
                self._take(kind, text, token.start())
        if self._depth:
            raise QueryInvalid("The query has a '(' without its ')'.")
        seen = self._words
        if not seen or seen[0] not in ("SELECT", "WITH") or "SELECT" not in seen:
            raise QueryInvalid(f"The query must be one SELECT, not {seen[0] if seen else 'nothing'}.")
        if self._odd:
            raise QueryInvalid(self._odd)
        return ScannedQuery(
            original=self._query,
            text="".join(self._pieces),
            quoted=self._quoted,
            calls=self._calls,
            shifts=self._shifts,
        )

    def _take(self, kind: str, text: str, position: int) -> None:
        """One token that is part of the statement."""
        if kind == "open":
            raise QueryInvalid(f"The query contains an unclosed {text}: close it.")
        self._count(text)
        if kind == "word":
            _refuse_word(self._dialect, text.upper(), self._words, self._before)
            self._words.append(text.upper())
        elif not self._words and text != "(":
            raise QueryInvalid("The query must be one SELECT.")
        if not self._odd:
            found = _odd(kind, text)
            self._odd = f"The query contains {found} ({place_in(self._query, position)})." if found else ""
        if kind in ("string", "name"):
            self._quoted.append((self._length, self._length + len(text)))
        if text == "(":
            self._open_bracket(position)
        if kind in ("word", "name"):
            if self._before != ".":
                self._path = []
            elif not self._path:
                self._path = [""]  # what stands before the dot is no name: `a[1].f`
            self._path.append(text)
            self._name_start = self._length
        elif text != ".":
            self._path = []
        self._before = text
        self._append(text)

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)

    def _count(self, text: str) -> None:
        """Follow the brackets. Raises: QueryInvalid."""
        self._depth += {"(": 1, ")": -1}.get(text, 0)
        if self._depth < 0:
            raise QueryInvalid("The query has a ')' without its '('.")
        if self._depth > MAX_DEPTH:
            raise QueryInvalid(
                f"The query has more than {MAX_DEPTH} brackets inside of each other: simplify it."
            )

    def _open_bracket(self, position: int) -> None:
        """Remember the name before a bracket. Raises: QueryInvalid: some servers would read a text as a name."""
        if self._before.startswith(("'", '"')):
            place = place_in(self._query, position)
            raise QueryInvalid(
                f"The query has a text in quotes before a '(' ({place}), which a server could read as a function: "
                "write an operator or a comma between them."
            )
        path = self._path
        if path and self._before != "." and (len(path) > 1 or path[0].lower() not in _BEFORE_BRACKETS):
            name = ".".join(unquoted(part) for part in path)
            # Small letters of others may be those of ASCII: the Kelvin sign's is k.
            name = name.lower() if name.isascii() else name
            self._calls.append(Call(name=name, start=self._name_start))


def unquoted(name: str) -> str:
    """A name without its backticks; a dot in it is no dot between names."""
    if not name.startswith("`"):
        return name
    return name[1:-1].replace("``", "`").replace(".", "`.`")


def _odd(kind: str, text: str) -> str:
    """What a part of the query is that servers and the parser may read differently; empty if it is nothing special."""
    if kind == "other":
        return _ODD.get(
            text, "" if text.isascii() and text.isprintable() else f"the character {text!r} outside of quotes"
        )
    if kind == "word" and not _PLAIN_WORD.fullmatch(text):
        return f"the name {text!r} with special characters: put it in backticks"
    return ""


def _refuse_word(dialect: Dialect, word: str, words: list[str], before: str) -> None:
    """Reject a word of the dialect's, unless it follows a dot or stands in backticks, as a column's name."""
    if before == ".":
        return
    if word in dialect.forbidden:
        raise QueryInvalid(
            f"The query contains {word}, which {dialect.forbidden[word]}; if it is a name, put it in backticks."
        )
    if words and dialect.locking.get(word) == words[-1]:
        raise QueryInvalid(f"The query locks the rows it reads: remove {words[-1]} {word}.")
