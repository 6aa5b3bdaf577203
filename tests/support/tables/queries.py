"""Queries made up by a seed: SELECTs that only read, and the same ones with something in them that does more.

They read two tables, `animals` (id, name, weight, born) and `owners` (id, animal, city); `TABLES` makes them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

T = TypeVar("T")

TABLES = (
    "CREATE TABLE animals AS SELECT 1 AS id, 'cat' AS name, 4.5 AS weight, DATE '2024-02-29' AS born"
    " UNION ALL SELECT 2, 'dog', 20.25, DATE '2023-01-31' UNION ALL SELECT 3, '猫', 3.75, NULL",
    "CREATE TABLE owners AS SELECT 10 AS id, 1 AS animal, 'Bern' AS city UNION ALL SELECT 11, 2, '北京'",
)

BLANKS = (" ", " ", " ", "\n", "\t", " /* why */ ", " -- a line\n", "  ")
"""What may stand between words; comments never reach the server."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """How one kind of server is spoken to. In templates `<n>`, `<t>`, `<d>` and `<b>` become a number, a text, a date and a truth."""

    database: str = "zoo"
    numbers: Sequence[str]
    texts: Sequence[str]
    dates: Sequence[str]
    sources: Sequence[str]
    """Templates of what stands in FROM; each has the columns of `animals` under the name `a`."""
    planted: Sequence[str]
    """Expressions that do more than read. FILE and LOCK stand for names that canaries watch."""
    statements: Sequence[str]
    """Templates around a whole query, QUERY, that do more than read."""


_NUMBERS = (
    *("abs(<n>)", "round(<n>, 2)", "floor(<n>)", "ceil(<n>)", "sign(<n>)", "pow(<n>, 2)"),
    *("length(<t>)", "coalesce(<n>, 0)", "nullif(<n>, 7)", "greatest(<n>, <n>)", "mod(<n>, 7)"),
    *("year(<d>)", "month(<d>)", "datediff(<d>, <d>)", "CAST(<t> AS DECIMAL(10, 2))", "if(<b>, <n>, <n>)"),
    *("instr(<t>, 'a')", "ascii(<t>)", "crc32(<t>)", "`abs`(<n>)", "Round (<n>)", "sqrt(abs(<n>))"),
    *("(<n> + <n>)", "(<n> - -(<n>))", "<n> * 2", "-(<n>)", "<n> % 5"),
    "CASE WHEN <b> THEN <n> ELSE <n> END",
    "CASE <n> WHEN 1 THEN <n> END",
    "(SELECT max(o.id) FROM DB.owners o WHERE o.id > 1)",
)
_TEXTS = (
    *("upper(<t>)", "lower(<t>)", "concat(<t>, <t>)", "trim(<t>)", "substring(<t>, 1, 3)", "reverse(<t>)"),
    *(
        "replace(<t>, 'a', 'b')",
        "lpad(<t>, 5, '*')",
        "repeat(<t>, 2)",
        "concat_ws('-', <t>, <t>)",
        "md5(<t>)",
    ),
    *("CAST(<n> AS CHAR(20))", "coalesce(<t>, <t>)", "nullif(<t>, '')", "`upper`(<t>)", "hex(<t>)"),
    *("if(<b>, <t>, <t>)", "left(<t>, 2)", "regexp_replace(<t>, 'a', 'b')", "TRIM(BOTH 'x' FROM <t>)"),
    "SUBSTRING(<t> FROM 1 FOR 2)",
)
_DATES = ("last_day(<d>)", "coalesce(<d>, <d>)", "if(<b>, <d>, <d>)", "current_date", "CAST(<d> AS DATE)")
_SOURCES = (
    "DB.animals a",
    "DB.animals AS a",
    "`DB`.`animals` `a`",
    "(SELECT * FROM DB.animals) a",
    "(SELECT * FROM DB.animals UNION ALL SELECT * FROM DB.animals) a",
    "DB.animals a JOIN DB.owners o ON o.animal = a.id",
    "DB.animals a LEFT JOIN DB.owners o ON o.animal = a.id AND o.id > <n>",
    "DB.animals a CROSS JOIN (SELECT 1 AS one) b",
)

_TRUTHS = (
    *(
        "<n> > <n>",
        "<t> LIKE 'a%'",
        "<t> = <t>",
        "<n> BETWEEN 1 AND <n>",
        "<d> IS NOT NULL",
        "<n> IN (1, 2, <n>)",
    ),
    *(
        "NOT (<b>)",
        "(<b> OR <b>)",
        "(<b> AND <b>)",
        "<t> <> 'it''s'",
        "<d> >= DATE '2024-01-01'",
        "<n> <=> <n>",
    ),
    "EXISTS (SELECT 1 FROM DB.owners o WHERE o.animal = 1)",
)
_LEAVES: Mapping[str, Sequence[str]] = {
    "<n>": ("a.id", "a.weight", "`a`.`id`", "a . weight", "1", "2.5", "1e2", "0"),
    "<t>": (
        "a.name",
        "`a`.`name`",
        "'a'",
        "'it\\'s; DROP TABLE x --'",
        "'北京'",
        "'/*! no comment */'",
        "'`sleep`(1)'",
    ),
    "<d>": ("a.born", "DATE '2024-02-29'", "`a`.born"),
    "<b>": ("a.id > 1", "TRUE", "a.name IS NULL"),
}
_KIND = re.compile("<[ntdb]>")
_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*'|"[^"]*"|`[^`]*`|/\*.*?\*/|--[^\n]*)""", re.DOTALL)


MARIADB = Speech(
    numbers=(
        *_NUMBERS,
        *(
            "a.id DIV 2",
            "timestampdiff(DAY, <d>, <d>)",
            "json_length('[1, 2]')",
            "json_extract('{\"n\": 1}', '$.n')",
        ),
        *(
            "char_length(<t>)",
            "truncate(<n>, 1)",
            "field(<t>, 'a', 'b')",
            "EXTRACT(YEAR FROM <d>)",
            "LEAST(<n>, 1)",
        ),
    ),
    texts=(
        *_TEXTS,
        *(
            "date_format(<d>, '%Y-%m')",
            "json_unquote(json_object('k', <t>))",
            "monthname(<d>)",
            "format(<n>, 2)",
        ),
        *(
            "elt(2, <t>, <t>)",
            "substring_index(<t>, 'a', 1)",
            "CONVERT(<t> USING utf8mb4)",
            "insert(<t>, 1, 1, 'z')",
        ),
    ),
    dates=(
        *_DATES,
        "date_add(<d>, INTERVAL 1 DAY)",
        "date(<d>)",
        "makedate(2024, 60)",
        "<d> - INTERVAL 1 MONTH",
    ),
    sources=(
        *_SOURCES,
        "DB.animals a STRAIGHT_JOIN DB.owners o",
        "DB.animals a NATURAL JOIN (SELECT 1 AS one) b",
    ),
    planted=(
        *(
            "load_file('/etc/passwd')",
            "`LOAD_FILE`('/etc/passwd')",
            "`load_file` ( '/etc/passwd' )",
            "Load_File('x')",
        ),
        *(
            "sleep(6)",
            "`sleep`(6)",
            "`SLEEP`/* */(6)",
            "get_lock('LOCK', 0)",
            "`get_lock`('LOCK', 0)",
            "`release_lock`('LOCK')",
        ),
        *(
            "benchmark(1000000, md5('a'))",
            "`benchmark`(9, 1)",
            "nextval(DB.canary_numbers)",
            "`nextval`(DB.canary_numbers)",
        ),
        *(
            "NEXT VALUE FOR DB.canary_numbers",
            "setval(DB.canary_numbers, 99)",
            "last_insert_id(99)",
            "@a := 5",
            "(@a := 5)",
        ),
        *(
            "@@datadir",
            "@@GLOBAL.version",
            "DB.canary_function()",
            "`DB`.`canary_function`()",
            "sys.exec('id')",
            "sys_eval('id')",
        ),
        *(
            "`sys_exec`('id')",
            "{fn sleep(1)}",
            "'sleep'(1)",
            '"sleep"(1)',
            "unheard_of(1)",
            "`unheard of`(1)",
            "sléep(1)",
        ),
        *("1sleep(1)", "(SELECT 1 FROM DB.animals FOR UPDATE)", "(SELECT 1 INTO @a)", "(SELECT sleep(1))"),
        *(
            "EXISTS (SELECT `sleep`(1))",
            "CASE WHEN `sleep`(1) THEN 1 END",
            "/*! sleep(1), */ 1",
            "/*!50000 sleep(1) */",
            "/*M! 1 */",
        ),
        *(
            "CAST(`load_file`('x') AS CHAR)",
            "master_pos_wait('a', 1)",
            "1 /*!99999 INTO OUTFILE 'FILE' */",
            "?",
            "uuid_to_file('a')",
        ),
        *(
            "sum(1) OVER (ORDER BY `sleep`(1))",
            "`if`(`sleep`(1), 1, 2)",
            "1 IN (SELECT `get_lock`('LOCK', 0))",
            "\\N",
        ),
        *(
            "spider_direct_sql('a', 'b', 'c')",
            "json_extract(`load_file`('x'), '$')",
            "updatexml(1, `sleep`(1), 2)",
        ),
    ),
    statements=(
        *(
            "QUERY INTO OUTFILE 'FILE'",
            "QUERY INTO DUMPFILE 'FILE'",
            "QUERY INTO @a",
            "QUERY FOR UPDATE",
            "QUERY FOR SHARE",
        ),
        *(
            "QUERY LOCK IN SHARE MODE",
            "QUERY PROCEDURE ANALYSE()",
            "QUERY; DROP TABLE DB.canaries",
            "QUERY; QUERY",
        ),
        *(
            "INSERT INTO DB.canaries QUERY",
            "CREATE TABLE DB.canary_copy AS QUERY",
            "REPLACE INTO DB.canaries QUERY",
        ),
        *(
            "EXPLAIN QUERY",
            "ANALYZE QUERY",
            "DO (QUERY)",
            "CALL p((QUERY))",
            "SET @a = (QUERY)",
            "PREPARE s FROM 'QUERY'",
        ),
        *(
            "WITH w AS (DELETE FROM DB.canaries) QUERY",
            "WITH w AS (SELECT 1) DELETE FROM DB.canaries",
            "QUERY) AS q; DROP TABLE x",
        ),
        *(
            "SET STATEMENT max_statement_time = 0 FOR QUERY",
            "QUERY /*! INTO OUTFILE 'FILE' */",
            "QUERY /*M!100100 FOR UPDATE */",
        ),
        *(
            "HANDLER DB.canaries OPEN",
            "SELECT * FROM (UPDATE DB.canaries SET n = 2) x",
            "EXECUTE IMMEDIATE 'QUERY'",
            "BEGIN QUERY",
        ),
        "BEGIN NOT ATOMIC QUERY; END",
    ),
)

SPARK = Speech(
    numbers=(
        *_NUMBERS,
        *("a.id DIV 2", "pmod(<n>, 5)", "size(array(<n>, <n>))", "element_at(map('k', <n>), 'k')"),
        *(
            "aggregate(array(1, 2), 0, (x, y) -> x + y)",
            "array(1, 2)[0]",
            "named_struct('n', <n>).n",
            "hash(<t>)",
        ),
        *(
            "size(filter(array(1, 2), x -> x > 1))",
            "CAST(get_json_object('{\"n\": 1}', '$.n') AS INT)",
            "EXTRACT(YEAR FROM <d>)",
        ),
    ),
    texts=(
        *_TEXTS,
        *(
            "date_format(<d>, 'yyyy-MM')",
            "to_json(named_struct('k', <t>))",
            "split(<t>, 'a')[0]",
            "initcap(<t>)",
            "sha2(<t>, 256)",
        ),
        *(
            "array_join(transform(array('a'), x -> upper(x)), ',')",
            "translate(<t>, 'a', 'b')",
            "regexp_extract(<t>, 'a', 0)",
        ),
        "<t> || <t>",
    ),
    dates=(
        *_DATES,
        "date_add(<d>, 1)",
        "to_date('2024-01-01')",
        "add_months(<d>, 1)",
        "trunc(<d>, 'MM')",
        "next_day(<d>, 'MO')",
    ),
    sources=(
        *_SOURCES,
        "DB.animals a LATERAL VIEW explode(array(1, 2)) e AS n",
        "DB.animals a LEFT SEMI JOIN DB.owners o ON o.animal = a.id",
        "DB.animals a CROSS JOIN range(2) r",
        "DB.animals a CROSS JOIN (VALUES (1), (2)) v (n)",
        "DB.animals TABLESAMPLE (50 PERCENT) a",
    ),
    planted=(
        *(
            "reflect('java.lang.System', 'setProperty', 'LOCK', 'moved')",
            "`reflect`('java.lang.System', 'setProperty', 'LOCK', 'moved')",
        ),
        *(
            "`REFLECT`('java.lang.System', 'getenv', 'PATH')",
            "Reflect ('a', 'b')",
            "java_method('a', 'b')",
            "`java_method`('a', 'b')",
        ),
        *(
            "IDENTIFIER('reflect')('java.lang.System', 'setProperty', 'LOCK', 'moved')",
            "identifier('a')",
            "try_reflect('a', 'b')",
        ),
        *(
            "default.reflect('a', 'b')",
            "`default`.`reflect`('a', 'b')",
            "`default.reflect`('a', 'b')",
            "system.builtin.upper('a')",
        ),
        *(
            "\"reflect\"('a', 'b')",
            "a.reflect('a', 'b')",
            "array(1)[0].reflect('a')",
            "reflect/* */('a', 'b')",
            "`try_reflect`('a', 'b')",
        ),
        *(
            "transform(array(1), x -> `reflect`('java.lang.System', 'setProperty', 'LOCK', 'moved'))",
            "xpath_string('<a/>', 'a')",
        ),
        *(
            "in_file('a', 'b')",
            "`in_file`('a', 'b')",
            "unheard_of(1)",
            "`unheard of`(1)",
            "ai_query('a')",
            "TRANSFORM(a.id) USING 'cat'",
        ),
        *(
            "MAP(a.id) USING 'cat'",
            'REDUCE(a.id) USING "cat"',
            "(SELECT max(n) FROM text.`/etc/passwd`)",
            "'${env:HOME}'",
            "r'a'",
        ),
        *(
            "(SELECT 1 FROM csv.`etc/passwd`)",
            "(SELECT 1 FROM `parquet`.`x`)",
            "(SELECT 1 FROM IDENTIFIER('t'))",
            ":name",
            "@a",
            "?(",
        ),
        *(
            "(SELECT 1 FROM get_splits('SELECT 1', 1))",
            "(SELECT 1 FROM TABLE(f(1)))",
            "(SELECT 1 FROM read_files('/etc'))",
            "{'a': 1}",
        ),
        *(
            "CASE WHEN `reflect`('a', 'b') THEN 1 END",
            "sum(1) OVER (ORDER BY `reflect`('a', 'b'))",
            "struct(`reflect`('a', 'b')).col1",
        ),
    ),
    statements=(
        *(
            "INSERT INTO DB.canaries QUERY",
            "INSERT OVERWRITE DIRECTORY 'FILE' USING parquet QUERY",
            "FROM (QUERY) q INSERT INTO DB.canaries",
        ),
        *(
            "WITH w AS (QUERY) INSERT INTO DB.canaries SELECT 1",
            "CREATE TABLE DB.canary_copy AS QUERY",
            "QUERY; DROP TABLE DB.canaries",
        ),
        *(
            "EXPLAIN QUERY",
            "CACHE TABLE c AS QUERY",
            "SET a = b",
            "ADD JAR 'x'",
            "FROM DB.animals MAP id USING 'cat'",
            "QUERY; QUERY",
        ),
        *(
            "SELECT * FROM (FROM DB.animals a REDUCE a.id USING 'cat') b",
            "SELECT * FROM DB.animals LATERAL VIEW `reflect`('a', 'b') r",
        ),
        *(
            "SELECT * FROM DB.animals LATERAL VIEW OUTER explode(array(`reflect`('a', 'b'))) r AS x",
            "QUERY) q; DROP TABLE x",
        ),
        *(
            "SELECT * FROM text.`/etc/passwd`",
            "SELECT * FROM `text` . `http://169.254.169.254/`",
            "SELECT * FROM DB.animals |> SELECT id",
        ),
        *(
            "SELECT * FROM IDENTIFIER('DB.animals')",
            "EXECUTE IMMEDIATE 'QUERY'",
            "DESCRIBE QUERY",
            "REFRESH TABLE DB.animals",
        ),
        *(
            "MERGE INTO DB.canaries c USING (QUERY) q ON 1 = 1 WHEN MATCHED THEN DELETE",
            "TRUNCATE TABLE DB.canaries",
            "BEGIN QUERY; END",
        ),
        "FROM DB.animals INSERT OVERWRITE TABLE DB.canaries SELECT id",
    ),
)


@dataclass(kw_only=True)
class Author:
    """Writes queries; the same seed writes the same ones."""

    speech: Speech
    random: Random
    names: Mapping[str, str] = field(default_factory=dict)
    """What stands for DB, FILE and LOCK."""

    def harmless(self) -> str:
        """A SELECT that only reads, and that the server can run."""
        return self._spaced(self._query(3))

    def harmful(self) -> str:
        """The same with something in it that does more than read, or that is unknown."""
        if self.random.random() < 0.3:
            return self._spaced(self._pick(self.speech.statements).replace("QUERY", self._query(2)))
        query = self._query(3, planted=self._pick(self.speech.planted))
        return self._spaced(query)

    def broken(self) -> str:
        """A query of which a piece is gone or doubled, or quotes and signs of comments stand where none were."""
        text = self.harmful() if self.random.random() < 0.5 else self.harmless()
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randrange(len(text))
            until = min(len(text), at + self.random.randint(1, 12))
            piece = self._pick(
                [
                    "",
                    text[at:until] * 2,
                    "`",
                    "'",
                    '"',
                    "\\",
                    "--",
                    "/*",
                    "*/",
                    "(",
                    ")",
                    ";",
                    "\n",
                    "#",
                    "\u00a0",
                    "''",
                ]
            )
            text = text[:at] + piece + text[until:]
        return text

    def _query(self, depth: int, planted: str = "") -> str:
        columns = [f"{self._expression('<n>', depth)} AS n", f"{self._expression('<t>', depth)} AS t"]
        if self.random.random() < 0.5:
            columns.append(f"{self._expression('<d>', depth)} AS d")
        source = self._filled(self._pick(self.speech.sources), 1)
        where = f" WHERE {self._expression('<b>', depth)}" if self.random.random() < 0.6 else ""
        order = self._pick(["", "", " ORDER BY 1", " ORDER BY n DESC, t", " LIMIT 5", " ORDER BY t LIMIT 2"])
        if planted:
            columns, source, where, order = self._plant(planted, columns, source, where, order)
        shapes: list[Callable[[], str]] = [
            lambda: f"SELECT {', '.join(columns)} FROM {source}{where}{order}",
            lambda: f"SELECT DISTINCT {', '.join(columns)} FROM {source}{where}{order}",
            lambda: f"WITH w AS (SELECT {', '.join(columns)} FROM {source}{where}{order}) SELECT * FROM w",
            lambda: (
                f"SELECT * FROM (SELECT {', '.join(columns)} FROM {source}{where}) q WHERE q.n IS NOT NULL"
            ),
            lambda: (
                f"SELECT t, count(*) AS c, sum(n) AS s FROM (SELECT {', '.join(columns)} FROM {source}{where}) q"
                " GROUP BY t HAVING count(*) > 0"
            ),
            lambda: (
                f"SELECT n, row_number() OVER (PARTITION BY t ORDER BY n) AS r FROM (SELECT {', '.join(columns)} FROM {source}{where}) q"
            ),
            lambda: (
                f"(SELECT {', '.join(columns)} FROM {source}{where}) UNION ALL (SELECT {', '.join(columns)} FROM {source})"
            ),
        ]
        return self._pick(shapes)()

    def _plant(
        self, planted: str, columns: list[str], source: str, where: str, order: str
    ) -> tuple[list[str], str, str, str]:
        """Put something into one of a query's clauses."""
        clause = self.random.randrange(4)
        if clause == 0:
            columns = [*columns, f"{planted} AS p"]
        elif clause == 1:
            columns = [f"coalesce({planted}, 1) AS x", *columns]
        elif clause == 2:
            where = f"{where} AND {planted} IS NULL" if where else f" WHERE {planted} IS NULL"
        else:
            source = f"{source} JOIN (SELECT {planted} AS p) planted"
        return columns, source, where, order

    def _expression(self, kind: str, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.3:
            return self._pick(_LEAVES[kind])
        templates = {
            "<n>": self.speech.numbers,
            "<t>": self.speech.texts,
            "<d>": self.speech.dates,
            "<b>": _TRUTHS,
        }
        return self._filled(self._pick(templates[kind]), depth - 1)

    def _filled(self, template: str, depth: int) -> str:
        """A template with an expression for each type that it names."""
        return _KIND.sub(lambda kind: self._expression(kind[0], depth), template)

    def _spaced(self, text: str) -> str:
        """The names filled in, and other blanks for some of those outside of quotes."""
        for name, value in {
            "DB": self.speech.database,
            "FILE": "/tmp/canary",
            "LOCK": "canary",
            **self.names,
        }.items():
            text = re.sub(rf"\b{name}\b", value, text)
        pieces = _QUOTED.split(text)
        return "".join(
            piece if number % 2 else "".join(self._blank() if sign == " " else sign for sign in piece)
            for number, piece in enumerate(pieces)
        )

    def _blank(self) -> str:
        return self._pick(BLANKS) if self.random.random() < 0.1 else " "

    def _pick(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)
