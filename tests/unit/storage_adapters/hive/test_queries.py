"""A query is exactly one SELECT in the dialect of Hive and Spark, and nothing that runs more than it reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters.errors import QueryInvalid
from storage_adapters.hive.query_rules import HIVE_SQL, SPARK_SQL
from storage_adapters.hive.reading import query_source
from storage_adapters.table_storage.query_guard import one_select


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("  select a from b ;  ", "select a from b"),
        ("SELECT 1--1\n+ 2", "SELECT 1 \n+ 2"),
        ("SELECT 1 /*+ BROADCAST(t) */ + 2", "SELECT 1   + 2"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT 1) SELECT * FROM x"),
        ("SELECT ';' AS `a;b`, \"it's\", 'a\\'b'", "SELECT ';' AS `a;b`, \"it's\", 'a\\'b'"),
        ("SELECT map('a', transform(x, y -> y)) FROM t", "SELECT map('a', transform(x, y -> y)) FROM t"),
        ("SELECT a FROM b JOIN c USING (d)", "SELECT a FROM b JOIN c USING (d)"),
        ("SELECT `insert`, t.into FROM t", "SELECT `insert`, t.into FROM t"),
        ("SELECT a.`reflect`, 中文 FROM a", "SELECT a.`reflect`, 中文 FROM a"),
        ("SELECT a.`km/h`, '.`/x' FROM b.`a`", "SELECT a.`km/h`, '.`/x' FROM b.`a`"),
    ],
)
def test_one_select_is_kept_without_its_comments(query: str, kept: str) -> None:
    assert one_select(query, SPARK_SQL) == kept


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "nothing"),
        ("FROM a INSERT OVERWRITE TABLE b SELECT *", "INSERT"),
        ("WITH x AS (SELECT 1) INSERT OVERWRITE TABLE b SELECT * FROM x", "INSERT"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT 1) q; DROP TABLE a; -- ", "without its"),
        ("SELECT TRANSFORM(a) USING 'rm -rf /' FROM b", "program"),
        ("SELECT * FROM (FROM b MAP a USING /* so */ 'cat') c", "program"),
        ('SELECT MAP(a) using -- \n "cat" FROM b', "program"),
        ("SELECT reflect('java.lang.System', 'exit', 1)", "REFLECT"),
        ("SELECT java_method('java.lang.System', 'getenv')", "JAVA_METHOD"),
        ("SELECT r'\\' AS a, '; DROP TABLE b --'", "raw string"),
        ('SELECT R"a"', "raw string"),
        ("SELECT '${env:HOME}'", "variable"),
        ("SELECT `${hiveconf:x}` FROM a", "variable"),
        ("SELECT * FROM text.`file:///etc/passwd`", "a file"),
        ("SELECT * FROM `csv` . /* so */ `http://169.254.169.254/latest`", "a file"),
        ("SELECT * FROM parquet.`/warehouse/of/others`", "a file"),
        ("SET spark.sql.x = 1", "SET"),
        ("ADD JAR a", "ADD"),
        ("SELECT 1 # a comment elsewhere\n; DROP TABLE a", "one statement"),
    ],
)
def test_everything_else_is_refused_and_says_why(query: str, word: str) -> None:
    with pytest.raises(QueryInvalid, match=word):
        query_source(query)


@given(st.text(alphabet="ab'\\\"`;()-#/*$r \n").filter(lambda text: "${" not in text))
def test_what_stands_in_a_string_is_never_read_as_sql(text: str) -> None:
    literal = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    assert one_select(f"SELECT {literal}", HIVE_SQL) == f"SELECT {literal}"
