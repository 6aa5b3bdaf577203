"""The parser's half of the query guard: every part of a query's tree is one that only reads, and every function is allowed.

Imports the parser, so it is imported when the first query is read.
"""

import logging
import re
from functools import cache

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as ParserDialect
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import Token

from storage_adapters.errors import QueryInvalid
from storage_adapters.table_storage.query_scanner import Dialect, ScannedQuery

logging.getLogger("sqlglot").disabled = True  # it writes parts of queries to the log, for its own users

MAX_TOKENS = 20_000
"""About half a second of parsing."""
STEPS_PER_TOKEN = 8
"""How often the parser may go on from one token to the next, or back: it tries several readings. Usual queries need two."""
_MIN_STEPS = 1_000

_NODES = """
Select Union Except Intersect Subquery With CTE From Join Where Group GroupingSets Cube Rollup Having Qualify Order
Ordered Sort Cluster Distribute Limit Offset Fetch Distinct Window WindowSpec Filter WithinGroup IgnoreNulls
RespectNulls Lateral Pivot PivotAlias UnpivotColumns TableSample Values

Table TableAlias Alias Aliases Column Identifier Dot Star Var IndexTableHint Partition Version Tuple Paren

Literal Null Boolean National HexString BitString Introducer Interval IntervalSpan IntervalOp DataType DataTypeParam
ColumnDef CharacterSet FormatJson

Add Sub Mul Div IntDiv Mod Neg Not DPipe BitwiseNot BitwiseAnd BitwiseOr BitwiseXor BitwiseLeftShift
BitwiseRightShift EQ NEQ NullSafeEQ NullSafeNEQ GT GTE LT LTE Between In Is Like ILike Escape All Any Bracket Slice
Lambda Kwarg PropertyEQ AtTimeZone FromTimeZone

JSONPath JSONPathKey JSONPathRoot JSONPathSubscript JSONPathWildcard JSONPathSlice JSONPathRecursive JSONPathUnion
JSONPathFilter JSONPathScript JSONPathSelector JSONKeyValue JSONColumnDef JSONSchema JSONValue OnCondition
"""
NODES: frozenset[type[exp.Expr]] = frozenset(getattr(exp, name) for name in _NODES.split())
"""What a query may consist of, beside functions."""

_NAMED = (exp.Anonymous, exp.AnonymousAggFunc, exp.ParameterizedAgg)
"""Functions that the parser does not know."""

_WITHOUT_BRACKETS = (exp.NextValueFor, exp.ConnectByRoot)
"""What the parser takes for functions, is written without brackets, and does more than compute."""


class NotUnderstood(ParseError):
    """The parser does not understand the query; `position` is where."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class TooLong(Exception):
    """The parser took more steps than a query needs."""


@cache
def _parser_class(base: type[Parser]) -> type[Parser]:
    """The dialect's parser with a bound, and errors that know their position in the text."""

    class BoundParser(base):  # type: ignore[misc, valid-type]  # which dialect it is, is known at run time
        steps = 0

        def _advance(self, times: int = 1) -> None:
            self.steps -= 1
            if self.steps < 0:
                raise TooLong
            super()._advance(times)

        def raise_error(self, message: str, token: Token | None = None) -> None:
            found = token or self._curr or self._prev
            # All errors are raised at once, so that what tries several readings sees them.
            raise NotUnderstood(message, found.start if found else 0)

    return BoundParser


def check_tree(scanned: ScannedQuery, dialect: Dialect, functions: frozenset[str]) -> None:
    """Let a query pass that only reads, with no other functions than the dialect's and these.

    Raises:
        QueryInvalid: it does more, or something unknown; the detail says what, and where.
    """
    tree = _parsed(scanned, dialect)
    known = dialect.functions | functions
    # The scanner sees all parts of a name, the tree only the last one.
    last_parts = frozenset(name.rpartition(".")[2] for name in known)
    columns_of = set[int]()
    for node in tree.walk():
        _check_node(node, scanned, dialect, last_parts)
        if isinstance(node, exp.TableAlias) and node.columns and isinstance(node.this, exp.Identifier):
            columns_of.add(node.this.meta.get("start", -1))
    for call in scanned.calls:
        # `WITH name (column, …)` and `AS name (column, …)` call nothing.
        is_table = call.start in columns_of and call.name.upper() not in dialect.forbidden
        if call.name not in known and not is_table:
            raise _unknown_function(call.name, f" ({scanned.where(call.start)})", dialect)


def _parsed(scanned: ScannedQuery, dialect: Dialect) -> exp.Expr:
    """The tree of the text. Raises: QueryInvalid: the parser does not understand it, or reads other texts in quotes in it."""
    reading = ParserDialect.get_or_raise(dialect.parser)
    text = scanned.text
    try:
        tokens = reading.tokenize(text)
        if len(tokens) > MAX_TOKENS:
            raise QueryInvalid(f"The query has more than {MAX_TOKENS} words, numbers and signs: shorten it.")
        _compare(tokens, scanned)
        parser = _parser_class(reading.parser_class)(error_level=ErrorLevel.IMMEDIATE, dialect=reading)
        parser.steps = _MIN_STEPS + STEPS_PER_TOKEN * len(tokens)  # type: ignore[attr-defined]  # of `BoundParser`
        trees = parser.parse(tokens, text)
    except NotUnderstood as error:
        raise _not_understood(scanned, error.position) from error
    except TokenError as error:
        raise _not_understood(scanned, error.start or 0) from error
    except TooLong as error:
        raise QueryInvalid(
            "The query could be read in too many ways: put brackets around its parts."
        ) from error
    except RecursionError:
        raise QueryInvalid("The query has too many parts inside of each other: simplify it.") from None
    except (SqlglotError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        # The parser builds some functions from arguments that it does not check.
        raise QueryInvalid(
            "The query was not understood: simplify the arguments of its functions."
        ) from error
    (tree, *others) = trees or [None]
    if others or not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery):
        raise QueryInvalid("The query must be one SELECT.")
    return tree


def _compare(tokens: list[Token], scanned: ScannedQuery) -> None:
    """Let a text pass in which parser and scanner see the same texts in quotes, and the parser skips only blanks.

    Raises: QueryInvalid.
    """
    begins = {end: start for start, end in scanned.quoted}
    seen = 0
    for token in tokens:
        start, end = token.start, token.end + 1
        if scanned.text[seen:start].strip(" \t\r\n"):
            raise _not_understood(scanned, seen)
        seen = max(seen, end)
        prefix = scanned.text[start : begins.pop(end, end)]
        if any(quote in prefix for quote in "'\"`"):
            raise _not_understood(scanned, start)
    if begins or scanned.text[seen:].strip(" \t\r\n"):
        raise _not_understood(scanned, min(begins.values(), default=seen))


def _check_node(node: exp.Expr, scanned: ScannedQuery, dialect: Dialect, known: frozenset[str]) -> None:
    """Raises: QueryInvalid: this part of the query does more than read."""
    if isinstance(node, _NAMED):
        if node.name.lower() not in known:
            raise _unknown_function(node.name.lower(), _near(node, scanned), dialect)
    elif isinstance(node, exp.Func):
        if isinstance(node, _WITHOUT_BRACKETS):
            raise _unknown_function(_words(node), _near(node, scanned), dialect)
    elif type(node) not in NODES:
        raise QueryInvalid(
            f"The query contains {_words(node)}{_near(node, scanned)}, which is not allowed: remove it."
        )
    elif isinstance(node, exp.Table) and dialect.file_formats:
        _check_table(node, scanned, dialect)


def _check_table(table: exp.Table, scanned: ScannedQuery, dialect: Dialect) -> None:
    """Raises: QueryInvalid: the server could take the table for files."""
    names = [part.name for part in table.parts if isinstance(part, exp.Identifier)]
    database = names[-2].lower() if len(names) > 1 else ""
    if database in dialect.file_formats or any(sign in name for name in names for sign in "./:\\*"):
        raise QueryInvalid(
            f"The query contains {'.'.join(names)[:80]}{_near(table, scanned)}, which the server could read as a file in "
            "place of a table: rename the table or its database."
        )


def _near(node: exp.Expr, scanned: ScannedQuery) -> str:
    """` (line 2, column 7)`, of the first part that knows its place."""
    starts = (part.meta["start"] for part in node.walk() if part.meta.get("start") is not None)
    start = next(starts, None)
    return "" if start is None else f" ({scanned.where(start)})"


def _words(node: exp.Expr) -> str:
    """The parser's name for a part of a query, as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).upper()


def _not_understood(scanned: ScannedQuery, position: int) -> QueryInvalid:
    seen = scanned.text[position : position + 20].split("\n")[0].strip()
    return QueryInvalid(
        f"The query was not understood at {seen!r} ({scanned.where(position)}): write it in another way."
    )


def _unknown_function(name: str, place: str, dialect: Dialect) -> QueryInvalid:
    does = dialect.forbidden.get(name.rpartition(".")[2].upper())
    if does:
        return QueryInvalid(f"The query calls {name[:80]}{place}, which {does}: remove it.")
    return QueryInvalid(
        f"The query calls {name[:80]}{place}, which is not among the functions that only compute: remove it, or ask an "
        "operator to name it in the storage's option 'functions'."
    )
