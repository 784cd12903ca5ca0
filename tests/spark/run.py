"""Runs SQL in Spark with Hive's metastore, in a virtual environment of its own.

Standard input: {"folder": ..., "statements": [...], "queries": {name: sql}}; the metastore is new
and empty. Standard output: {"made": [error or null for each statement], "found": {name:
{"columns": [...], "rows": [...]} or {"error": ...}}}. Decimals and times are texts.
"""

import importlib
import json
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

_sql: Any = importlib.import_module("pyspark.sql")  # not in the environment of the type checkers


def main() -> None:
    """Do what standard input says."""
    asked = json.load(sys.stdin)
    spark = _start(asked["folder"])
    try:
        made = [_error(spark, statement) for statement in asked["statements"]]
        found = {name: _query(spark, sql) for name, sql in asked["queries"].items()}
    finally:
        spark.stop()
    json.dump({"made": made, "found": found}, sys.stdout, default=_plain)


def _start(folder: str) -> Any:
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={folder}/derby.log",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.ui.enabled": "false",
    }
    builder = _sql.SparkSession.builder.master("local[2]").enableHiveSupport()
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _error(spark: Any, statement: str) -> str | None:
    try:
        spark.sql(statement)
    except Exception as error:  # noqa: BLE001 - the answer is what went wrong
        return _told(error)
    return None


def _query(spark: Any, sql: str) -> dict[str, Any]:
    try:
        frame = spark.sql(sql)
        return {"columns": frame.columns, "rows": [list(row) for row in frame.collect()]}
    except Exception as error:  # noqa: BLE001 - the answer is what went wrong
        return {"error": _told(error)}


def _told(error: Exception) -> str:
    return str(error)[:8000]  # with the Java errors behind it


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    main()
