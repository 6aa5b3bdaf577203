"""A query of a user reads, and does nothing else: not by functions in quotes, not by what a parser and a server read differently.

Names of tests that need Spark begin with `test_hive`, so that the round of Hive takes them.
"""

import logging
import subprocess
import sys
from collections.abc import Iterator
from random import Random

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables.places import HivePlace, MysqlPlace, hive_place, mysql_place
from support.tables.queries import MARIADB, SPARK, TABLES, Author, Speech

from storage_adapters.errors import ConfigurationInvalid, QueryInvalid, StorageError
from storage_adapters.hive.engines import HIVE, engine_of
from storage_adapters.hive.options import HiveOptions
from storage_adapters.hive.query_rules import HIVE_SQL, SPARK_SQL
from storage_adapters.hive.reading import query_source as hive_source
from storage_adapters.hive.session import Session, connected
from storage_adapters.mysql.connection import SQL_MODE
from storage_adapters.mysql.query_rules import MYSQL
from storage_adapters.mysql.reading import query_source as mysql_source
from storage_adapters.options import OptionValue
from storage_adapters.registry import open_tables
from storage_adapters.table_storage.query_guard import one_select
from storage_adapters.table_storage.query_scanner import MAX_CHARACTERS, MAX_DEPTH, Dialect, own_functions

SEED = 12
DIALECTS = pytest.mark.parametrize(
    "dialect", [MYSQL, HIVE_SQL, SPARK_SQL], ids=lambda dialect: dialect.parser
)


def refusal(query: str, dialect: Dialect) -> str:
    """Why the guard refuses the query; empty if it does not."""
    try:
        one_select(query, dialect)
    except QueryInvalid as error:
        return error.detail
    return ""


@pytest.mark.parametrize(
    "query",
    [
        "SELECT `LOAD_FILE`('/etc/passwd')",
        "SELECT `sleep`(6)",
        "SELECT `sleep` -- a line\n (6)",
        "SELECT 1 FROM a WHERE `get_lock`('a', 1)",
        "SELECT 1 FROM a JOIN b ON `sleep`(1)",
        "SELECT 1 FROM a GROUP BY `sleep`(1)",
        "SELECT 1 FROM a ORDER BY `benchmark`(1000, md5('a'))",
        "SELECT 1 FROM a LIMIT `sleep`(1)",
        "SELECT sum(1) OVER w FROM a WINDOW w AS (ORDER BY `sleep`(2))",
        "SELECT now() + INTERVAL `sleep`(1) DAY",
        "SELECT CAST(`load_file`('x') AS CHAR)",
        "SELECT JSON_EXTRACT(`load_file`('x'), '$')",
        "SELECT * FROM JSON_TABLE(`load_file`('x'), '$' COLUMNS(a INT PATH '$')) t",
        "SELECT GROUP_CONCAT(a ORDER BY `sleep`(1) SEPARATOR ',') FROM t",
        "WITH RECURSIVE x (n) AS (SELECT `sleep`(1) UNION ALL SELECT n + 1 FROM x) SELECT n FROM x",
        "SELECT * FROM t AS sleep(a)",
        "SELECT `sys_exec`('id'), sys_eval('id')",
        "SELECT sys.exec('id')",
        "SELECT a . `b` (1)",
        "SELECT t.in(1) FROM t",
        "SELECT `in`(1)",
        "SELECT NEXT VALUE FOR s",
        "SELECT `nextval`(s)",
        "SELECT setval(s, 5)",
        "SELECT last_insert_id(5)",
        "SELECT sléep(1)",
        "SELECT s\u0307leep(1)",
        "SELECT ſleep(1)",
        "SELECT sleep\u00a0(1)",
        "SELECT sleep\u200b(1)",
        "SELECT abs\x0b(1)",
        "SELECT ran\u212a() OVER (ORDER BY 1)",
        "SELECT '\ud800'",
        "SELECT \x00 1",
        "SELECT 1sleep(1)",
        "SELECT 1 FROM t WHERE a=2024_sales",
        "SELECT 'sleep'(1)",
        'SELECT "sleep" (1)',
        "SELECT {fn abs(1)}",
        "SELECT @a",
        "SELECT @a := 1",
        "SELECT @@version",
        "SELECT @`a` := 5",
        "SELECT \\N",
        "SELECT 1 --1 + `sleep`(1)",
        "SELECT 1--`sleep`(1)",
        "SELECT 'a\\\\' , `sleep`(1) -- '",
        'SELECT "a""b", `sleep`(1) -- "',
        "SELECT `a``b`, `sleep`(1)",
        "SELECT ```sleep`(1)",
        "SELECT 1 FROM t PROCEDURE ANALYSE()",
        "SELECT 1 FROM t PROCEDURE ANALYSE(1, 2)",
        "SELECT HIGH_PRIORITY 1",
        "SELECT 1 FROM t FOR /* */ UPDATE",
        "SELECT 1 FROM t LOCK IN SHARE MODE",
        "SELECT 1 FROM t FOR SHARE SKIP LOCKED",
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "WITH x AS (SELECT 1) UPDATE t SET a = 1",
        "SELECT * FROM (DELETE FROM t) x",
        "SELECT 1 /*!50000 , `sleep`(1) */",
        "SELECT 1 /*M!100100 , `sleep`(1) */",
        "SELECT :name, 1",
        "SELECT pg_sleep(1)",
        "SELECT pg_read_file('x')",
        "SELECT xp_cmdshell('id')",
        "SELECT * FROM OPENROWSET('x')",
        "VALUES (1)",
        "TABLE t",
        "EXPLAIN SELECT 1",
        "SELECT 1 |> SELECT `sleep`(1)",
    ],
)
def test_what_does_more_than_read_is_refused_for_mysql(query: str) -> None:
    with pytest.raises(QueryInvalid):
        mysql_source(query)


@pytest.mark.parametrize("dialect", [HIVE_SQL, SPARK_SQL], ids=lambda dialect: dialect.parser)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT `reflect`('java.lang.System','getenv','PATH')",
        "SELECT IDENTIFIER('reflect')('java.lang.System','getenv','PATH')",
        "SELECT `identifier`('reflect')('java.lang.System','getenv','PATH')",
        "SELECT * FROM IDENTIFIER('t')",
        "SELECT IDENTIFIER('a') FROM t",
        "SELECT `java_method`('a', 'b')",
        "SELECT `try_reflect`('a', 'b')",
        "SELECT default.reflect('a')",
        "SELECT system.builtin.upper('a')",
        "SELECT `default.reflect`('a')",
        "SELECT a[0].reflect('a') FROM t",
        "SELECT a.reflect('a') FROM t",
        "SELECT \"reflect\"('a')",
        "SELECT * FROM t LATERAL VIEW `reflect`('a') x AS y",
        "SELECT * FROM t LATERAL VIEW OUTER explode(array(`reflect`('a'))) x AS y",
        "SELECT * FROM t LATERAL VIEW unheard_of(a) x AS y",
        "SELECT transform(array(1), x -> `reflect`('a'))",
        "SELECT TRANSFORM(a) ROW FORMAT DELIMITED USING 'cat' AS (b) FROM t",
        'SELECT * FROM (FROM t SELECT TRANSFORM(a) USING "cat") b',
        "FROM t MAP a USING 'cat'",
        "FROM t REDUCE a USING 'cat'",
        "SELECT * FROM text.`etc/passwd`",
        "SELECT * FROM `text`.`passwd`",
        "SELECT * FROM text.passwd",
        "SELECT * FROM csv.`a*`",
        "SELECT * FROM `org.apache.spark.sql.execution.datasources.text`.`a`",
        "SELECT * FROM spark_catalog.json.`a`",
        "SELECT (SELECT max(a) FROM orc.`x`)",
        "SELECT * FROM t JOIN parquet.`x` p ON 1 = 1",
        "SELECT `in_file`('a', 'b')",
        "SELECT xpath('<a/>', 'a')",
        "SELECT * FROM get_splits('SELECT 1', 5)",
        "SELECT * FROM read_files('/etc')",
        "SELECT * FROM TABLE(f(1))",
        "SELECT * FROM f(TABLE(t))",
        "SELECT ai_query('a')",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "SELECT 1 |> SELECT 2",
        "SELECT :name",
        "SELECT {'a': 1}",
        "SELECT '${env:HOME}'",
        "SELECT r'a'",
        "SELECT 'it''s', `reflect`('a')",
    ],
)
def test_what_does_more_than_read_is_refused_for_hive_and_spark(query: str, dialect: Dialect) -> None:
    with pytest.raises(QueryInvalid):
        hive_source(query, dialect)


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        (
            MYSQL,
            "SELECT DISTINCT a, COUNT(*) c FROM t GROUP BY a WITH ROLLUP HAVING c > 1 ORDER BY 2 LIMIT 1, 2",
        ),
        (
            MYSQL,
            "SELECT a SOUNDS LIKE b, a REGEXP 'x', a NOT LIKE 'b' ESCAPE '!', a DIV b, a XOR b, !a, ~a, a << 2 FROM t",
        ),
        (
            MYSQL,
            "SELECT a <=> b, a COLLATE utf8mb4_bin, BINARY a, N'a', x'41', b'1', _utf8'x', 0x41, 1.5e3, .5 FROM t",
        ),
        (MYSQL, "SELECT 1 FROM a STRAIGHT_JOIN b LEFT JOIN c USING (x) NATURAL JOIN d CROSS JOIN e"),
        (
            MYSQL,
            "WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 5) SELECT n FROM x",
        ),
        (
            MYSQL,
            "SELECT CONVERT(a USING utf8mb4), CONVERT(a, CHAR(10)), TRIM(BOTH 'x' FROM a), EXTRACT(DAY FROM a) FROM t",
        ),
        (
            MYSQL,
            "SELECT SUM(x) OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
        ),
        (MYSQL, "SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x) c"),
        (MYSQL, "SELECT a -> '$.b', a ->> '$.b', a MEMBER OF ('[1]') FROM t PARTITION (p0) USE INDEX (i)"),
        (MYSQL, "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS(a INT PATH '$')) AS j"),
        (MYSQL, "SELECT a FROM t INTERSECT SELECT b FROM u EXCEPT SELECT c FROM v"),
        (MYSQL, "SELECT (1, 2) IN (SELECT a, b FROM u), a = ANY (SELECT 1), a > ALL (SELECT 2) FROM t"),
        (MYSQL, "SELECT t.sleep, `sleep` AS `load_file`, `2024_sales` FROM t"),
        (
            MYSQL,
            "SELECT CURRENT_USER, LOCALTIME, MATCH(a) AGAINST ('x' IN BOOLEAN MODE), ST_AsText(POINT(1, 2)) FROM t",
        ),
        (
            MYSQL,
            "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a) OVER (PARTITION BY b) FROM t FOR SYSTEM_TIME ALL",
        ),
        (
            HIVE_SQL,
            "SELECT * FROM t LATERAL VIEW OUTER explode(b) x AS y LATERAL VIEW posexplode(c) z AS p, q",
        ),
        (
            HIVE_SQL,
            "SELECT a[0], b['x'], c.d.e, named_struct('a', 1).a, a || b, a RLIKE 'x', 1L, 1.5BD, 'it''s' FROM t",
        ),
        (HIVE_SQL, "SELECT a, b, count(*) FROM t GROUP BY a, b GROUPING SETS ((a, b), ()) SORT BY a"),
        (HIVE_SQL, "SELECT * FROM t TABLESAMPLE (10 PERCENT) s DISTRIBUTE BY a"),
        (
            SPARK_SQL,
            "SELECT filter(a, x -> x > 1), aggregate(a, 0, (x, y) -> x + y), transform(a, (x, i) -> x + i) FROM t",
        ),
        (
            SPARK_SQL,
            "SELECT CAST(a AS MAP<STRING, STRUCT<x: INT, y: DECIMAL(10,2)>>), TRY_CAST(a AS INT), a::int FROM t",
        ),
        (SPARK_SQL, "SELECT * FROM t PIVOT (sum(a) FOR b IN ('x', 'y'))"),
        (SPARK_SQL, "SELECT * FROM t UNPIVOT (a FOR b IN (c, d))"),
        (SPARK_SQL, "SELECT * FROM range(10) r LEFT ANTI JOIN (VALUES (1), (2)) v (n) ON r.id = v.n"),
        (
            SPARK_SQL,
            "SELECT count(*) FILTER (WHERE a > 1), first(a, true), last_value(a) IGNORE NULLS OVER (ORDER BY b) FROM t",
        ),
        (SPARK_SQL, "SELECT * EXCEPT (a) FROM t VERSION AS OF 1 QUALIFY row_number() OVER (ORDER BY a) = 1"),
        (
            SPARK_SQL,
            "SELECT INTERVAL '1-2' YEAR TO MONTH, DATE'2020-01-01', X'1F', timestampadd(DAY, 1, a) FROM t",
        ),
    ],
)
def test_what_people_write_is_let_through(dialect: Dialect, query: str) -> None:
    assert one_select(query, dialect) == query


@DIALECTS
def test_every_function_of_the_list_can_be_called(dialect: Dialect) -> None:
    """By name in whatever letters, in quotes or not."""
    arguments = (
        "",
        "a",
        "a, b",
        "a, b, c",
        "a, 1, 'x', d",
        "DAY, a, b",
        "a, INTERVAL 1 DAY",
        "a AS CHAR",
        "'a', b",
        "b IN (c)",
    )
    by_their_own_syntax = {"match", "convert", "values"}

    refused = {
        name
        for name in dialect.functions
        if "" not in (refusal(f"SELECT {name.title()} ({values}) FROM t", dialect) for values in arguments)
    }
    assert refused <= by_their_own_syntax


@DIALECTS
def test_no_function_that_does_more_is_in_the_list(dialect: Dialect) -> None:
    assert not {word.lower() for word in dialect.forbidden} & (dialect.functions - {"insert"})


def test_a_refusal_names_the_function_and_the_place() -> None:
    with pytest.raises(QueryInvalid, match=r"calls unheard_of \(line 3, column 8\).*'functions'"):
        mysql_source("SELECT a, -- first\n/* second\n */ b, unheard_of(1) FROM t")
    with pytest.raises(QueryInvalid, match=r"not understood at 'FROM' \(line 2, column 4\)"):
        mysql_source("SELECT /* the\n */FROM")


@pytest.mark.parametrize(
    ("speech", "source"), [(MARIADB, mysql_source), (SPARK, hive_source)], ids=["mysql", "spark"]
)
def test_of_5000_queries_the_harmless_half_passes_and_the_planted_half_does_not(
    speech: Speech, source
) -> None:
    """2,500 for each of the two."""
    author = Author(speech=speech, random=Random(SEED))
    for _ in range(1250):
        source(author.harmless())
        planted = author.harmful()
        with pytest.raises(QueryInvalid):
            pytest.fail(f"passed: {source(planted).sql}")


@DIALECTS
@settings(max_examples=200)
@given(
    text=st.text(alphabet="SELECT fromwhere().,`'\"\\-/*!#;:@?1aü\n\0\u00a0[]{}<>|&=") | st.text(),
    seed=st.integers(0, 2**32),
)
def test_any_text_is_a_query_or_a_clear_error(dialect: Dialect, text: str, seed: int) -> None:
    for query in (f"SELECT {text}", Author(speech=MARIADB, random=Random(seed)).broken()):
        assert refusal(query, dialect).endswith(".") or one_select(query, dialect)


def _filled(before: str, piece: str, after: str = "") -> str:
    """A query of the greatest length."""
    return before + piece * ((MAX_CHARACTERS - len(before) - len(after)) // len(piece)) + after


@DIALECTS
@pytest.mark.parametrize(
    "query",
    [
        _filled("SELECT 1", "+1"),
        _filled("SELECT 1", ",1"),
        _filled("SELECT 1 WHERE a", " AND a"),
        _filled("SELECT ", "NOT ", "1"),
        _filled("SELECT ", "- ", "1"),
        _filled("SELECT ", "(", "1"),
        _filled("SELECT ", "a[", "1"),
        _filled("SELECT a", "[1]"),
        _filled("SELECT ", "a.", "a"),
        _filled("SELECT CAST(1 AS ", "ARRAY<", "INT)"),
        _filled("SELECT ", "STRUCT<a INT, ", "INT"),
        _filled("SELECT ", "CASE WHEN 1 THEN ", "1"),
        _filled("SELECT ", "INTERVAL ", "1 DAY"),
        _filled("SELECT ", "EXISTS(SELECT ", "1"),
        _filled("SELECT * FROM ", "(SELECT * FROM ", "t"),
        _filled("SELECT 1", " UNION SELECT 1"),
        _filled("SELECT JSON_EXTRACT(a, '$", ".a", "')"),
        _filled("SELECT JSON_EXTRACT(a, '$", "[", "')"),
        _filled("SELECT DATE_FORMAT(a, '", "%Y", "')"),
        _filled("SELECT '", "''", "'"),
        _filled("SELECT '", "\\'", "'"),
        _filled("SELECT ", "/*"),
        _filled("SELECT 1", "/**/"),
        _filled("SELECT 1", "\n"),
    ],
    ids=range(24),
)
def test_a_query_of_malice_ends_soon_and_never_in_a_crash(dialect: Dialect, query: str) -> None:
    """The parser's steps are counted; the time-out of the tests is far away from these."""
    assert len(query) <= MAX_CHARACTERS
    assert len(refusal(query, dialect)) < 300


@DIALECTS
def test_length_and_depth_have_bounds(dialect: Dialect) -> None:
    brackets = f"SELECT {'abs(' * MAX_DEPTH}1{')' * MAX_DEPTH}"

    assert one_select(brackets, dialect) == brackets
    with pytest.raises(QueryInvalid, match="brackets inside of each other"):
        one_select(brackets.replace("1", "abs(1)"), dialect)
    with pytest.raises(QueryInvalid, match="characters"):
        one_select(_filled("SELECT 1", " ") + " " * 8, dialect)
    with pytest.raises(QueryInvalid, match="words, numbers and signs"):
        one_select(_filled("SELECT 1", "+1"), dialect)


def test_no_part_of_a_query_gets_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for query in (
        "SELECT JSON_EXTRACT(canary, 'canary canary')",
        "SELECT * FROM (SHOW canary) a",
        "SELECT canary canary canary",
    ):
        for dialect in (MYSQL, SPARK_SQL):
            with pytest.raises(QueryInvalid):
                one_select(query + " FROM unheard_of(1)", dialect)
    assert not caplog.records


def test_a_program_that_reads_no_query_does_not_load_the_parser() -> None:
    check = (
        "import sys, storage_adapters.mysql.storage, storage_adapters.hive.storage, jobs.registry, datacenter.web.app;"
        " sys.exit('sqlglot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize(
    ("kind", "url", "dialect"),
    [("mysql", "mysql://u@localhost", MYSQL), ("hive", "hive://u@localhost", HIVE_SQL)],
)
def test_a_companys_own_functions_are_named_in_the_storages_options(
    kind: str, url: str, dialect: Dialect
) -> None:
    functions = own_functions(" score, Acme.Clean ,", dialect)

    for call in ("score(a)", "`Score`(a)", "acme.clean(a)", "`acme` . `CLEAN` (a)"):
        one_select(f"SELECT {call} FROM t", dialect, functions)
    for call in ("clean(a)", "acme.score(a)", "`acme.clean`(a)", "other.clean(a)", "a.acme.clean(a)"):
        with pytest.raises(QueryInvalid):
            one_select(f"SELECT {call} FROM t", dialect, functions)
    open_tables(kind, url, {"functions": "score,acme.clean"})


@pytest.mark.parametrize(
    ("kind", "functions"),
    [
        *(
            ("mysql", "sleep"),
            ("mysql", "a, LOAD_FILE"),
            ("mysql", "sys.get_lock"),
            ("mysql", "a b"),
            ("mysql", "a("),
        ),
        *(("hive", "reflect"), ("hive", "default.java_method"), ("hive", "`a`"), ("hive", "*")),
    ],
)
def test_functions_that_do_more_cannot_be_named(kind: str, functions: str) -> None:
    options: dict[str, OptionValue] = {"functions": functions}
    with pytest.raises(ConfigurationInvalid, match="'functions'"):
        open_tables(kind, f"{kind}://u@localhost", options)


def test_each_engine_has_its_own_list() -> None:
    assert engine_of("Spark SQL").queries is SPARK_SQL
    assert engine_of("Apache Hive").queries is HIVE.queries is HIVE_SQL


def accepted(author: Author, source, count: int) -> Iterator[tuple[str, bool]]:
    """Queries that the guard lets through, as they would be sent, and whether they are whole."""
    found = 0
    while found < count:
        for query, whole in ((author.harmless(), True), (author.broken(), False), (author.broken(), False)):
            try:
                sql = source(query).sql
            except QueryInvalid:
                continue
            found += 1
            yield f"SELECT * FROM {sql}", whole


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MysqlPlace]:
    with mysql_place() as place:
        place.run(
            *TABLES,
            "CREATE TABLE canaries (n INT)",
            "INSERT INTO canaries VALUES (1)",
            "CREATE SEQUENCE canary_numbers NOCACHE",
            "CREATE FUNCTION canary_function() RETURNS INT MODIFIES SQL DATA"
            " BEGIN INSERT INTO canaries VALUES (2); RETURN 1; END",
        )
        yield place


@pytest.mark.real
@pytest.mark.timeout(600)
def test_300_accepted_queries_change_nothing_on_mariadb(mariadb: MysqlPlace, tmp_path) -> None:
    """Without the second line: the session may write, and the account has every right."""
    tmp_path.chmod(0o777)
    lock = f"canary_{mariadb.database}"
    names = {"DB": mariadb.database, "FILE": f"{tmp_path}/canary", "LOCK": lock}
    author = Author(speech=MARIADB, random=Random(SEED), names=names)
    watched = (
        f"SELECT (SELECT count(*) FROM canaries) AS c, (SELECT next_not_cached_value FROM canary_numbers) AS s,"
        f" (SELECT group_concat(table_name ORDER BY 1) FROM information_schema.tables WHERE table_schema = '{mariadb.database}')"
        f" AS t, is_used_lock('{lock}') AS l, @a AS v"
    )

    def canaries(*statements: str) -> tuple[object, list[str]]:
        session = f"SET SESSION sql_mode = '{SQL_MODE}', max_statement_time = 20"
        return mariadb.run(session, *statements, watched), sorted(path.name for path in tmp_path.iterdir())

    before = canaries()
    ran = 0
    for sql, whole in accepted(author, mysql_source, 300):
        try:
            after = canaries(sql)
        except pymysql.Error:
            if whole:
                raise
            after = canaries()
        assert after == before, sql
        ran += whole
    assert ran > 100

    for harm in (
        f"SELECT get_lock('{lock}', 0)",
        "SELECT @a := 5",
        f"SELECT 1 INTO OUTFILE '{tmp_path}/canary'",
        "SELECT nextval(canary_numbers)",
        "SELECT canary_function()",
    ):
        after = canaries(harm)
        assert after != before, f"no canary sees {harm}"
        before = canaries()


@pytest.fixture(scope="module")
def spark() -> Iterator[HivePlace]:
    with hive_place() as place:
        place.run(
            *(statement.replace("TABLE animals", "TABLE animals USING parquet") for statement in TABLES[:1]),
            *(statement.replace("TABLE owners", "TABLE owners USING parquet") for statement in TABLES[1:]),
            "CREATE TABLE canaries USING parquet AS SELECT 1 AS n",
        )
        yield place


@pytest.mark.real
def test_hive_60_accepted_queries_change_nothing_on_spark(spark: HivePlace) -> None:
    """A property of the server's machine, a table and a directory of files are watched."""
    key = f"canary.{spark.database}"
    names = {"DB": spark.database, "FILE": f"{spark.directory}/canary", "LOCK": key}
    author = Author(speech=SPARK, random=Random(SEED), names=names)
    host, _, port = spark.url.rpartition("@")[2].rpartition(":")
    with connected(HiveOptions(host=host, port=int(port), user="hdfs")) as session:

        def canaries() -> tuple[object, ...]:
            watched = f"SELECT CONCAT(COALESCE(reflect('java.lang.System', 'getProperty', '{key}'), ''), ' ', COUNT(*)) FROM {spark.database}.canaries"
            tables = list(session.execute(f"SHOW TABLES IN {spark.database}").texts())
            return (
                list(session.execute(watched).texts()),
                tables,
                [found.key for found in spark.files.list_objects("canary")],
            )

        # Most of the time would be spent on compiling the code of queries that run once.
        _run(session, "SET spark.sql.codegen.wholeStage = false")
        _run(session, "SET spark.sql.codegen.factoryMode = NO_CODEGEN")
        before = canaries()
        ran = 0
        for number, (sql, whole) in enumerate(accepted(author, hive_source, 60)):
            try:
                _run(session, sql)
            except StorageError:
                if whole:
                    raise
            ran += whole
            if number % 20 == 19:
                assert canaries() == before, sql
        assert ran > 20

        for harm in (
            f"SELECT reflect('java.lang.System', 'setProperty', '{key}', 'moved')",
            f"INSERT INTO {spark.database}.canaries SELECT 2",
            f"INSERT OVERWRITE DIRECTORY '{spark.directory}/canary' USING parquet SELECT 1 AS n",
        ):
            _run(session, harm)
            assert canaries() != before, f"no canary sees {harm}"
            before = canaries()


def _run(session: Session, statement: str) -> None:
    for _ in session.execute(statement).batches():
        pass
