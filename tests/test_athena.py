"""Queries through Athena: what is sent, waited for and read, and what each failure tells to do."""

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError
from sekisho.lake.asking import athena
from sekisho.lake.place import LakeError

from .s3_servers import Moto, moto

SQL = "SELECT owner, sum(billed_cost) AS cost FROM llm_usage WHERE dt >= '2026-03-01' GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where queries run."""

    athena_workgroup: str = "finance"
    athena_database: str = "sekisho"
    athena_output: str = "s3://company-lake/results/"


@dataclass(slots=True)
class Fake:
    """An Athena client that answers from a script and notes what it was asked."""

    states: Sequence[Mapping[str, Any]] = ({"State": "SUCCEEDED"},)
    pages: Sequence[Mapping[str, Any]] = ()
    refusal: Exception | None = None
    scanned: int = 1_234_567
    asked: list[tuple[str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, dict[str, Any]]]
    )
    looks: int = 0

    def start_query_execution(self, **arguments: Any) -> Mapping[str, Any]:
        """Note it, or refuse."""
        self.asked.append(("start", arguments))
        if self.refusal is not None:
            raise self.refusal
        return {"QueryExecutionId": "q-1"}

    def get_query_execution(self, **arguments: Any) -> Mapping[str, Any]:
        """The next state of the script; the last one stays."""
        self.asked.append(("look", arguments))
        status = self.states[min(self.looks, len(self.states) - 1)]
        self.looks += 1
        return {
            "QueryExecution": {
                "Status": status,
                "Statistics": {"DataScannedInBytes": self.scanned},
            }
        }

    def get_query_results(self, **arguments: Any) -> Mapping[str, Any]:
        """The page whose number is the token."""
        self.asked.append(("results", arguments))
        number = int(arguments.get("NextToken", "0"))
        last = number == len(self.pages) - 1
        return {**self.pages[number], **({} if last else {"NextToken": str(number + 1)})}

    def stop_query_execution(self, **arguments: Any) -> Mapping[str, Any]:
        """Note it."""
        self.asked.append(("stop", arguments))
        return {}


def page(columns: Mapping[str, str], *rows: Sequence[str | None]) -> dict[str, Any]:
    """A page of results as Athena sends it; columns have a name and a type."""
    return {
        "ResultSet": {
            "ResultSetMetadata": {
                "ColumnInfo": [{"Name": name, "Type": kind} for name, kind in columns.items()]
            },
            "Rows": [
                {"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]}
                for row in rows
            ],
        }
    }


def run(client: Fake, sql: str = SQL) -> athena.Result:
    """Run without waiting."""
    return athena.run(sql, Place(), client=client, sleep=lambda _: None)


def refusal(code: str, message: str) -> ClientError:
    """An error as boto3 raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "StartQueryExecution")


@pytest.fixture(scope="module")
def server() -> Iterator[Moto]:
    """moto, which runs no SQL but walks through Athena's states and gives rows put there before."""
    with moto() as running:
        yield running


def control(server: Moto, what: str, value: object) -> None:
    """Tell moto how to behave."""
    request = urllib.request.Request(f"{server.url}/moto-api/{what}", json.dumps(value).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10):
        pass


def test_a_query_goes_its_way_against_moto(server: Moto) -> None:
    """The SQL is started in the workgroup, waited for, and its rows come back with their types."""
    client = server.client("athena")
    client.create_work_group(Name="finance", Configuration={})
    columns = [
        {"Name": "owner", "Type": "varchar"},
        {"Name": "cost", "Type": "decimal", "Precision": 38, "Scale": 12},
    ]
    rows = [["owner", "cost"], ["花子@example.com", "12.345678901234"]]
    queue = {
        "region": server.region,
        "results": [
            {
                "rows": [{"Data": [{"VarCharValue": cell} for cell in row]} for row in rows],
                "column_info": columns,
            }
        ],
    }
    steps = {"model_name": "athena::execution", "transition": {"progression": "manual", "times": 1}}
    control(server, "static/athena/query-results", queue)
    control(server, "state-manager/set-transition", steps)
    pauses: list[float] = []
    seen: list[tuple[str, int]] = []
    found = athena.run(
        SQL,
        Place(),
        lambda state, _, scanned: seen.append((state, scanned)),
        client=client,
        sleep=pauses.append,
    )
    assert found == athena.Result(
        ("owner", "cost"), [("花子@example.com", Decimal("12.345678901234"))], 0
    )
    assert seen == [("RUNNING", 0), ("SUCCEEDED", 0)]
    assert pauses == [0.25]
    done = client.list_query_executions(WorkGroup="finance")["QueryExecutionIds"]
    sent = client.get_query_execution(QueryExecutionId=done[0])["QueryExecution"]
    client.close()
    assert sent["Query"] == SQL
    assert sent["QueryExecutionContext"] == {"Database": "sekisho"}
    assert sent["ResultConfiguration"]["OutputLocation"].startswith("s3://company-lake/results/")


def test_an_unknown_workgroup_against_moto(server: Moto) -> None:
    """A workgroup that isn't there is told with the variable that names it."""
    client = server.client("athena")
    with pytest.raises(LakeError) as told:
        athena.run(SQL, Place("nowhere"), client=client)
    client.close()
    assert str(told.value) == (
        "athena nowhere/sekisho: InvalidRequestException: WorkGroup does not exist; set "
        "SEKISHO_ATHENA_WORKGROUP to a workgroup of this region (AWS_REGION)"
    )


def test_the_client_is_made_from_the_environment(
    server: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a client, one is made as the AWS tools' variables say, AWS_REGION among them."""
    for name, value in {**server.variables, "AWS_ENDPOINT_URL_ATHENA": server.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps another server's credentials
    with pytest.raises(LakeError, match="WorkGroup does not exist"):
        athena.run(SQL, Place("nowhere"))


def test_rows_of_every_type() -> None:
    """Whole numbers, decimals, times and texts keep their values; NULL is not an empty text."""
    columns = {
        "text": "varchar",
        "empty": "varchar",
        "nothing": "varchar",
        "count": "bigint",
        "small": "integer",
        "money": "decimal",
        "real": "double",
        "yes": "boolean",
        "at": "timestamp",
        "zoned": "timestamp with time zone",
        "day": "date",
        "list": "array",
        "no_decimal": "decimal",
    }
    row = (
        "a, b",
        "",
        None,
        "9223372036854775807",
        "-3",
        "1234567890.000000000001",
        "1.5E-7",
        "true",
        "2026-03-01 12:00:00.123",
        "2026-03-01 12:00:00.000 UTC",
        "2026-03-01",
        "[stop, length]",
        None,
    )
    client = Fake(pages=[page(columns, tuple(columns), row)])
    assert run(client).rows == [
        (
            "a, b",
            "",
            None,
            9223372036854775807,
            -3,
            Decimal("1234567890.000000000001"),
            0.00000015,
            True,
            datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC),
            datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
            date(2026, 3, 1),
            "[stop, length]",
            None,
        )
    ]


def test_all_pages_are_read() -> None:
    """Rows of every page come in order; only the first page begins with the heading."""
    columns = {"model": "varchar"}
    client = Fake(
        pages=[
            page(columns, ("model",), ("gpt-5",)),
            page(columns, ("model",), ("claude",)),
            page(columns, ("gemini",)),
        ]
    )
    found = run(client)
    assert found.columns == ("model",)
    assert found.rows == [("gpt-5",), ("model",), ("claude",), ("gemini",)]
    assert found.bytes_scanned == 1_234_567
    assert [
        arguments.get("NextToken") for name, arguments in client.asked if name == "results"
    ] == [
        None,
        "1",
        "2",
    ]


def test_no_rows() -> None:
    """A query that finds nothing has its columns and no row."""
    found = run(Fake(pages=[page({"model": "varchar"}, ("model",))]))
    assert found == athena.Result(("model",), [], 1_234_567)


def test_without_an_output_the_workgroup_decides() -> None:
    """No result location is sent when none is set, so that the workgroup's own one is used."""
    client = Fake(pages=[page({"n": "bigint"}, ("n",), ("1",))])
    athena.run(SQL, Place(athena_output=""), client=client)
    assert client.asked[0] == (
        "start",
        {
            "QueryString": SQL,
            "QueryExecutionContext": {"Database": "sekisho"},
            "WorkGroup": "finance",
        },
    )


def test_waiting_backs_off() -> None:
    """Pauses grow by half to two seconds, and each look is told with its state."""
    states = [{"State": "QUEUED"}] * 2 + [{"State": "RUNNING"}] * 6 + [{"State": "SUCCEEDED"}]
    client = Fake(states, [page({"n": "bigint"}, ("n",))])
    pauses: list[float] = []
    seen: list[str] = []
    athena.run(
        SQL,
        Place(),
        lambda state, *_: seen.append(state),
        client=client,
        sleep=pauses.append,
    )
    assert [round(pause, 3) for pause in pauses] == [
        0.25,
        0.375,
        0.562,
        0.844,
        1.266,
        1.898,
        2.0,
        2.0,
    ]
    assert seen == ["QUEUED"] * 2 + ["RUNNING"] * 6 + ["SUCCEEDED"]


def test_a_wait_has_an_end() -> None:
    """A query that never ends is stopped after three quarters of an hour."""
    client = Fake([{"State": "RUNNING"}])
    with pytest.raises(LakeError, match="no answer after 45 minutes; query q-1"):
        run(client)
    assert client.asked[-1] == ("stop", {"QueryExecutionId": "q-1"})


def test_ctrl_c_stops_the_query() -> None:
    """Ctrl-C while waiting stops the query in Athena, which would be billed otherwise."""
    client = Fake([{"State": "RUNNING"}])

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        athena.run(SQL, Place(), client=client, sleep=interrupted)
    assert client.asked[-1] == ("stop", {"QueryExecutionId": "q-1"})


def status(reason: str, state: str = "FAILED") -> Fake:
    """A client whose query ends this way."""
    return Fake([{"State": state, "StateChangeReason": reason}])


DDL = "make or renew the tables: sekisho logs ddl"
IAM = "give this role the policy of: sekisho logs iam --role reader"


@pytest.mark.parametrize(
    ("client", "message"),
    [
        (
            status("TABLE_NOT_FOUND: line 1:43: Table 'sekisho.llm_usage' does not exist"),
            "TABLE_NOT_FOUND: line 1:43: Table 'sekisho.llm_usage' does not exist; " + DDL,
        ),
        (
            status("COLUMN_NOT_FOUND: line 1:8: Column 'batch_id' cannot be resolved"),
            "COLUMN_NOT_FOUND: line 1:8: Column 'batch_id' cannot be resolved; " + DDL,
        ),
        (
            status("SCHEMA_NOT_FOUND: line 1:15: Schema 'sekisho' does not exist"),
            "SCHEMA_NOT_FOUND: line 1:15: Schema 'sekisho' does not exist; " + DDL,
        ),
        (
            status(
                "PERMISSION_DENIED: Access Denied: s3://company-lake/usage/dt=2026-03-01\n"
                "(Service: Amazon S3; Status Code: 403)"
            ),
            "PERMISSION_DENIED: Access Denied: s3://company-lake/usage/dt=2026-03-01 "
            "(Service: Amazon S3; Status Code: 403); " + IAM,
        ),
        (
            status("Query cancelled! : Bytes scanned limit was exceeded", "CANCELLED"),
            "Query cancelled! : Bytes scanned limit was exceeded; the workgroup lets a query scan "
            "so many bytes and no more; ask for fewer days (--since), compact the lake (sekisho "
            "logs compact), or raise BytesScannedCutoffPerQuery",
        ),
        (
            Fake([{"State": "CANCELLED"}]),
            "the query was cancelled by someone after 1,234,567 bytes",
        ),
        (
            Fake([{"State": "FAILED", "AthenaError": {"ErrorMessage": "GENERIC_INTERNAL_ERROR"}}]),
            "GENERIC_INTERNAL_ERROR",
        ),
        (Fake([{"State": "FAILED"}]), "the query failed, Athena doesn't say why"),
        (
            Fake(
                refusal=refusal(
                    "AccessDeniedException",
                    "User: arn:aws:iam::123456789012:user/u is not authorized to perform: "
                    "athena:StartQueryExecution",
                )
            ),
            "AccessDeniedException: User: arn:aws:iam::123456789012:user/u is not authorized to "
            "perform: athena:StartQueryExecution; " + IAM,
        ),
        (
            Fake(refusal=refusal("InvalidRequestException", "WorkGroup finance is not found.")),
            "InvalidRequestException: WorkGroup finance is not found; set "
            "SEKISHO_ATHENA_WORKGROUP to a workgroup of this region (AWS_REGION)",
        ),
        (
            Fake(
                refusal=refusal(
                    "InvalidRequestException", "No output location provided. An output location"
                )
            ),
            "InvalidRequestException: No output location provided. An output location; set "
            "SEKISHO_ATHENA_OUTPUT=s3://bucket/prefix/, or a result location of the workgroup",
        ),
        (
            Fake(refusal=refusal("TooManyRequestsException", "slow down")),
            "TooManyRequestsException: slow down; wait a minute and try again",
        ),
        (
            Fake(refusal=refusal("ExpiredTokenException", "The token is expired")),
            "ExpiredTokenException: The token is expired; renew the AWS credentials",
        ),
        (Fake(refusal=NoRegionError()), "no region; set AWS_REGION"),
        (
            Fake(refusal=NoCredentialsError()),
            "no AWS credentials; log in as with the AWS tools, or set AWS_PROFILE",
        ),
    ],
)
def test_failures_tell_what_to_do(client: Fake, message: str) -> None:
    """Each failure is one line: where, what Athena said, and what to do."""
    with pytest.raises(LakeError) as told:
        run(client)
    assert str(told.value) == f"athena finance/sekisho: {message}"


@pytest.mark.parametrize(
    "sql",
    [
        SQL,
        "SELECT 1 FROM llm_usage u WHERE u.dt BETWEEN '2026-03-01' AND '2026-03-07'",
        "SELECT 1 FROM sekisho.llm_usage WHERE dt = DATE '2026-03-01'",
        "SELECT 1 FROM \"llm_usage\" WHERE \"dt\" IN ('2026-03-01', '2026-03-02')",
        "SELECT 1 FROM llm_usage WHERE '2026-03-01' <= dt",
        "SELECT 1 FROM llm_usage u JOIN llm_payload p ON p.dt = u.dt WHERE u.dt > '2026-03-01'",
        "WITH d AS (SELECT * FROM llm_usage\nWHERE dt >= '2026-03-01') SELECT * FROM d",
    ],
)
def test_a_range_of_days_is_seen(sql: str) -> None:
    """Any of the usual ways to bound `dt` will do."""
    athena.require_days(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM llm_usage",
        "SELECT count(*) FROM llm_usage WHERE start_time >= TIMESTAMP '2026-03-01 00:00:00'",
        "SELECT count(*) FROM llm_usage WHERE dt <= '2026-03-01'",
        "SELECT count(*) FROM llm_usage WHERE dt >= ''",
        "SELECT count(*) FROM llm_usage -- WHERE dt >= '2026-03-01'",
        "SELECT count(*) FROM llm_usage /* dt >= '2026-03-01' */",
        "SELECT 1 FROM llm_usage WHERE dt >= '2026-03-01' UNION ALL SELECT 1 FROM llm_usage_files",
        "SELECT 1 FROM llm_usage u JOIN llm_payload p USING (request_id) WHERE u.dt = '2026-03-01'",
        "SHOW TABLES",
    ],
)
def test_a_scan_of_the_whole_lake_is_refused(sql: str) -> None:
    """Without a first day for each table nothing is sent to Athena, and the way out is told."""
    client = Fake()
    with pytest.raises(LakeError) as told:
        run(client, sql)
    assert str(told.value) == (
        "athena: without a range of days this reads the whole lake, and each byte is billed; "
        "add --since 7d, or in SQL for each table: dt >= '2027-03-01'"
    )
    assert client.asked == []
