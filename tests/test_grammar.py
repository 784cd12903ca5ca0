"""The lake's SQL obeys the grammars of Athena's family: Hive's for DDL, Trino's for queries."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from sekisho.lake.asking import athena, query, reports, tables
from sekisho.lake.asking.span import Span

from . import grammars
from .grammars import Text

DDL = """CREATE EXTERNAL TABLE IF NOT EXISTS t (
  request_id string, cost decimal(18,12), tags array<string>, units map<string,decimal(18,6)>,
  attempts array<struct<model:string,status:int>>)
PARTITIONED BY (dt string)
STORED AS PARQUET
LOCATION 's3://company-lake/usage/'
TBLPROPERTIES ('projection.enabled'='true')"""
QUERY = """WITH u AS (SELECT * FROM t WHERE dt BETWEEN '2026-03-01' AND '2026-03-07')
SELECT model, count(*) FILTER (WHERE status <> 'success') AS errors,
  approx_percentile(duration_ms, 0.95) AS p95
FROM u CROSS JOIN UNNEST(tags) AS x (tag) GROUP BY 1 ORDER BY 2 DESC LIMIT 10"""


@pytest.fixture(scope="module", autouse=True)
def parsers() -> None:
    """The two parsers, installed on first use."""
    grammars.install()


def test_good_sql_passes() -> None:
    """What Athena's documents show as right is right to these grammars too."""
    assert grammars.objections([Text("hive", DDL), Text("trino", QUERY)]) == [[], []]


DDL_FAULTS = {
    "LOCATION": "LOCATED",
    "array<string>": "array<string",
    "PARTITIONED BY (dt string)": "PARTITIONED (dt string)",
    "STORED AS PARQUET": "STORE AS PARQUET",
    "EXTERNAL TABLE": "EXTERNAL",
    "cost decimal": "cost, decimal",
    "(\n  request_id": "(\n  , request_id",
}
QUERY_FAULTS = {
    "SELECT *": "SELEKT *",
    "GROUP BY 1": "GROUP 1",
    "BETWEEN '2026-03-01' AND": "BETWEEN '2026-03-01' UND",
    " ORDER BY 2": " QUALIFY row_number() OVER () = 1 ORDER BY 2",
    "'2026-03-07')": "'2026-03-07'",
    "count(*)": "count(*)::BIGINT",
    "SELECT * FROM": "SELECT * EXCLUDE (dt) FROM",
}


def test_a_fault_in_ddl_is_caught() -> None:
    """Each fault planted into the DDL is objected to: the check does check."""
    assert unnoticed("hive", DDL, DDL_FAULTS) == []


def test_a_fault_in_a_query_is_caught() -> None:
    """Each fault planted into a query, and what only DuckDB understands, is objected to."""
    assert unnoticed("trino", QUERY, QUERY_FAULTS) == []


def unnoticed(grammar: grammars.Grammar, sql: str, faults: Mapping[str, str]) -> list[str]:
    """Faults that the grammar lets pass, planted one at a time."""
    assert [good for good in faults if good not in sql] == []
    planted = [Text(grammar, sql.replace(good, bad, 1)) for good, bad in faults.items()]
    found = grammars.objections(planted)
    return [bad for bad, objected in zip(faults.values(), found, strict=True) if not objected]


SPAN = Span(datetime(2026, 3, 1, 9, 30, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))


def test_the_ddl_obeys_its_grammar() -> None:
    """What `sekisho logs ddl` prints: tables in Hive's grammar, views in Trino's."""
    found = tables.ddl("s3://company-lake/some prefix/it's", "company")
    views = {tables.USAGE, tables.FOCUS_VIEW}
    texts = {
        each.makes: Text("trino" if each.makes in views else "hive", each.sql) for each in found
    }
    assert views < texts.keys()
    assert wrong(texts) == {}


def test_the_reports_obey_their_grammar() -> None:
    """Each canned report is good Trino SQL and has a range of days for each table that it reads."""
    found = {report.name: SPAN.fill(report.sql) for report in reports.every()}
    assert len(found) >= 12
    assert wrong({name: Text("trino", sql) for name, sql in found.items()}) == {}
    for sql in found.values():
        athena.require_days(sql)


def test_usage_obeys_its_grammar() -> None:
    """`sekisho usage --by` asks Athena in good Trino SQL, with a range of days."""
    texts = {str(by): query.usage_sql([by], SPAN) for by in query.GROUPINGS}
    texts |= {"everything": query.usage_sql([], SPAN), "two": query.usage_sql(["day", "key"], SPAN)}
    assert wrong({name: Text("trino", sql) for name, sql in texts.items()}) == {}
    for sql in texts.values():
        athena.require_days(sql)


def wrong(texts: Mapping[str, Text]) -> dict[str, list[str]]:
    """What is objected to, by name."""
    found = grammars.objections([*texts.values()])
    return {name: what for name, what in zip(texts, found, strict=True) if what}
