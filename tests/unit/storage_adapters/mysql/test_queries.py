"""A query is exactly one SELECT, looked at as the server would read it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage_adapters.errors import QueryInvalid
from storage_adapters.mysql.reading import MYSQL, query_source
from storage_adapters.table_storage.query_guard import one_select


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("SELECT 1", "SELECT 1"),
        ("  select a from b ;  ", "select a from b"),
        ("SELECT 1; -- the end", "SELECT 1"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT 1) SELECT * FROM x"),
        ("(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"),
        ("SELECT ';' AS `a;b`, \"it's\"", "SELECT ';' AS `a;b`, \"it's\""),
        ("SELECT 'a\\'; DROP TABLE b; --'", "SELECT 'a\\'; DROP TABLE b; --'"),
        ("SELECT '''' FROM `a``;b`", "SELECT '''' FROM `a``;b`"),
        ("SELECT 1 /* two; */ + 2 # three;\n+ 3", "SELECT 1   + 2  \n+ 3"),
        ("SELECT 1--1", "SELECT 1--1"),
        ("SELECT `into`, t.sleep, 中文 FROM t", "SELECT `into`, t.sleep, 中文 FROM t"),
        ("SELECT x FROM t WHERE note = 'INTO OUTFILE'", "SELECT x FROM t WHERE note = 'INTO OUTFILE'"),
    ],
)
def test_one_select_is_kept_without_its_comments(query: str, kept: str) -> None:
    assert one_select(query, MYSQL) == kept


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "nothing"),
        ("-- nothing", "nothing"),
        ("DROP TABLE a", "DROP"),
        ("INSERT INTO a SELECT 1", "INTO"),
        ("UPDATE a SET b = (SELECT 1)", "UPDATE"),
        ("WITH x AS (VALUES (1)) DELETE FROM a", "WITH"),
        ("CALL p()", "CALL"),
        ("SET @a = 1", "SET"),
        ("SHOW TABLES", "SHOW"),
        ("SELECT 1; DROP TABLE a", "one statement"),
        ("SELECT 1;;", "one statement"),
        ("SELECT 1) AS q; DROP TABLE a; -- ", "without its"),
        ("SELECT 1) AS q JOIN (SELECT 2", "without its"),
        ("SELECT (1", "without its"),
        ("SELECT 'a", "unclosed"),
        ("SELECT `a", "unclosed"),
        ("SELECT 1 /* a", "unclosed"),
        ("SELECT 1 /*! INTO OUTFILE '/tmp/x' */", "would execute"),
        ("SELECT 1 /*M! INTO OUTFILE '/tmp/x' */", "would execute"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "INTO"),
        ("SELECT 1 INTO @a", "INTO"),
        ("SELECT LOAD_FILE('/etc/passwd')", "LOAD_FILE"),
        ("SELECT sleep(1000)", "SLEEP"),
        ("SELECT release_all_locks()", "RELEASE_ALL_LOCKS"),
        ("SELECT MASTER_GTID_WAIT('0-1-5', 1000)", "MASTER_GTID_WAIT"),
        ("SELECT WAIT_FOR_EXECUTED_GTID_SET('3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5')", "WAIT_FOR"),
        ("SELECT a FROM b WHERE c = ?", "placeholder"),
        ("SELECT a FROM b FOR UPDATE", "FOR UPDATE"),
        ("SELECT a FROM b LOCK IN SHARE MODE", "SHARE MODE"),
    ],
)
def test_everything_else_is_refused_and_says_why(query: str, word: str) -> None:
    with pytest.raises(QueryInvalid, match=word):
        one_select(query, MYSQL)


@given(st.text())
@example("SELECT '" + "''" * 1000)
def test_any_text_is_a_query_or_a_clear_error(text: str) -> None:
    try:
        source = query_source(text)
    except QueryInvalid:
        return
    assert source.sql.startswith("(")


@given(st.text(alphabet="ab'\\\"`;()-# \n"))
def test_what_stands_in_a_string_is_never_read_as_sql(text: str) -> None:
    literal = "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    assert one_select(f"SELECT {literal}", MYSQL) == f"SELECT {literal}"
