"""The query guard: only a text that is exactly one SELECT in the server's dialect, and only reads, is sent to the server.

It is looked at twice. The scanner removes comments, and rejects what a server reads in another way than a parser does. Then
the parser judges the text that will be sent, every part of it. Both must agree where texts in quotes begin and end; what one
of them does not understand is rejected.
"""

from storage_adapters.table_storage.query_scanner import Dialect, scan


def one_select(query: str, dialect: Dialect, functions: frozenset[str] = frozenset()) -> str:
    """The query without its comments and the semicolon at its end.

    It reads, and does nothing else: every function in it is one of the dialect's, or of `functions`. Whether its tables
    and columns exist, the server decides.

    Raises:
        QueryInvalid: it is not exactly one SELECT (or WITH … SELECT), or does more than read; the detail says why.
    """
    scanned = scan(query, dialect)
    # Imported when the first query is read: most programs read none.
    from storage_adapters.table_storage.query_tree import check_tree

    check_tree(scanned, dialect, functions)
    return scanned.text.strip()
