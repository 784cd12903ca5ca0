"""Least privilege: what each role may do is enough for its work, and nothing else is allowed."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from sekisho.cli.logs_iam import iam
from sekisho.lake.asking import athena, cache
from sekisho.lake.bodies.body import Body
from sekisho.lake.place import LakeError
from sekisho.lake.shipping.flush import flush
from sekisho.lake.spool.log import Log
from sekisho.lake.stores import policies
from sekisho.lake.stores.policies import Athena, Role
from sekisho.lake.stores.store import Denied, Store, open_store
from sekisho.lake.upkeep import compact, retention
from sekisho.lake.upkeep.compact import Compacted

from .lakes import record, store_batch
from .s3_servers import Moto, S3Server, moto

WHERE = Athena(
    workgroup="finance",
    database="sekisho",
    output="s3://company-lake/results/",
    region="ap-northeast-1",
    account="123456789012",
)
USAGE = "usage/dt=2026-11-20/1.parquet"
PAYLOAD = "payload/dt=2026-11-20/1.parquet"
THE_DAY = date(2026, 11, 20)


def test_the_writers_policy() -> None:
    """The gateway may store objects of the two tables, and that is all."""
    assert policies.policy("writer", "s3://company-lake/lake", WHERE) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Store",
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": [
                    "arn:aws:s3:::company-lake/lake/usage/*",
                    "arn:aws:s3:::company-lake/lake/payload/*",
                ],
            }
        ],
    }


def test_the_keepers_policy() -> None:
    """Compaction may rewrite the rows, retention delete prompts too; neither can read those."""
    assert policies.policy("keeper", "s3://company-lake", WHERE) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Keep",
                "Effect": "Allow",
                "Action": [
                    "s3:GetObject",
                    "s3:PutObject",
                    "s3:DeleteObject",
                    "s3:AbortMultipartUpload",
                ],
                "Resource": ["arn:aws:s3:::company-lake/usage/*"],
            },
            {
                "Sid": "Delete",
                "Effect": "Allow",
                "Action": ["s3:DeleteObject"],
                "Resource": ["arn:aws:s3:::company-lake/payload/*"],
            },
            {
                "Sid": "List",
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::company-lake"],
                "Condition": {"StringLike": {"s3:prefix": ["usage/*", "payload/*"]}},
            },
        ],
    }


def test_the_readers_policy() -> None:
    """Queries read the table of usage, its description, one workgroup, and write results only."""
    assert policies.policy("reader", "s3://company-lake/lake", WHERE) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": ["arn:aws:s3:::company-lake/lake/usage/*"],
            },
            {
                "Sid": "List",
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::company-lake"],
                "Condition": {"StringLike": {"s3:prefix": ["lake/usage/*"]}},
            },
            {
                "Sid": "Find",
                "Effect": "Allow",
                "Action": ["s3:GetBucketLocation"],
                "Resource": ["arn:aws:s3:::company-lake"],
            },
            {
                "Sid": "Query",
                "Effect": "Allow",
                "Action": [
                    "athena:StartQueryExecution",
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:StopQueryExecution",
                    "athena:GetWorkGroup",
                ],
                "Resource": ["arn:aws:athena:ap-northeast-1:123456789012:workgroup/finance"],
            },
            {
                "Sid": "Tables",
                "Effect": "Allow",
                "Action": [
                    "glue:GetDatabase",
                    "glue:GetTable",
                    "glue:GetTables",
                    "glue:GetPartition",
                    "glue:GetPartitions",
                ],
                "Resource": [
                    "arn:aws:glue:ap-northeast-1:123456789012:catalog",
                    "arn:aws:glue:ap-northeast-1:123456789012:database/sekisho",
                    "arn:aws:glue:ap-northeast-1:123456789012:table/sekisho/llm_usage_files",
                    "arn:aws:glue:ap-northeast-1:123456789012:table/sekisho/llm_usage",
                    "arn:aws:glue:ap-northeast-1:123456789012:table/sekisho/llm_focus",
                ],
            },
            {
                "Sid": "Results",
                "Effect": "Allow",
                "Action": [
                    "s3:GetObject",
                    "s3:PutObject",
                    "s3:AbortMultipartUpload",
                    "s3:ListMultipartUploadParts",
                ],
                "Resource": ["arn:aws:s3:::company-lake/results/*"],
            },
            {
                "Sid": "ListResults",
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::company-lake"],
                "Condition": {"StringLike": {"s3:prefix": ["results/*"]}},
            },
            {
                "Sid": "FindResults",
                "Effect": "Allow",
                "Action": ["s3:GetBucketLocation"],
                "Resource": ["arn:aws:s3:::company-lake"],
            },
        ],
    }


def statement(document: dict[str, Any], name: str) -> dict[str, Any]:
    """One statement of a policy."""
    found: list[dict[str, Any]] = [each for each in document["Statement"] if each["Sid"] == name]
    return found[0]


def test_a_reader_of_prompts() -> None:
    """With --payload a reader gets the second table too, in S3 and in Glue."""
    found = policies.policy("reader", "s3://company-lake/lake", WHERE, payload=True)
    assert statement(found, "Read")["Resource"] == [
        "arn:aws:s3:::company-lake/lake/usage/*",
        "arn:aws:s3:::company-lake/lake/payload/*",
    ]
    assert statement(found, "List")["Condition"] == {
        "StringLike": {"s3:prefix": ["lake/usage/*", "lake/payload/*"]}
    }
    assert statement(found, "Tables")["Resource"][-1] == (
        "arn:aws:glue:ap-northeast-1:123456789012:table/sekisho/llm_payload"
    )


@pytest.mark.parametrize(
    ("role", "output", "actions"),
    [
        ("writer", "", ["kms:Decrypt", "kms:GenerateDataKey"]),
        ("keeper", "", ["kms:Decrypt", "kms:GenerateDataKey"]),
        ("reader", "s3://results/", ["kms:Decrypt"]),
        ("reader", "s3://company-lake/results/", ["kms:Decrypt", "kms:GenerateDataKey"]),
    ],
)
def test_an_encrypted_bucket(role: Role, output: str, actions: list[str]) -> None:
    """With a KMS key each role gets what it needs of it, for that key only."""
    key = "arn:aws:kms:ap-northeast-1:123456789012:key/1"
    where = Athena(workgroup="primary", database="sekisho", output=output)
    found = policies.policy(role, "s3://company-lake/lake", where, kms_key=key)
    assert statement(found, "Key") == {
        "Sid": "Key",
        "Effect": "Allow",
        "Action": actions,
        "Resource": [key],
    }


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("cn-north-1", "arn:aws-cn:s3:::company-lake/usage/*"),
        ("us-gov-west-1", "arn:aws-us-gov:s3:::company-lake/usage/*"),
    ],
)
def test_other_partitions(region: str, arn: str) -> None:
    """In China and GovCloud the names begin otherwise."""
    where = Athena(workgroup="primary", database="sekisho", region=region)
    found = policies.policy("writer", "s3://company-lake", where)
    assert statement(found, "Store")["Resource"][0] == arn


@pytest.mark.parametrize("output", ["s3://company-lake/", "s3://company-lake/lake/usage/results/"])
def test_results_among_the_tables_are_refused(output: str) -> None:
    """A place for results that would let a reader write into a table is refused."""
    where = Athena(workgroup="primary", database="sekisho", output=output)
    with pytest.raises(LakeError, match="choose another prefix or bucket"):
        policies.policy("reader", "s3://company-lake/lake", where)


@pytest.mark.parametrize("lake", ["file:///srv/lake", "s3://company-lake/a*"])
def test_lakes_without_a_policy(lake: str) -> None:
    """A folder has no IAM policy, and a prefix that IAM would take for a pattern is refused."""
    with pytest.raises(LakeError, match=r"^SEKISHO_LAKE="):
        policies.policy("writer", lake, WHERE)


class Settings:
    """The settings that the command uses."""

    lake = "s3://company-lake/lake"
    athena_workgroup = "finance"
    athena_database = "sekisho"
    athena_output = "s3://company-lake/results/"


def test_the_command_prints_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy alone is on standard output, for the AWS tools; advice is on standard error."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    arguments = ["--role", "reader", "--account", "123456789012"]
    shown = CliRunner().invoke(iam, arguments, obj=Settings())
    assert shown.exit_code == 0
    expected = policies.policy("reader", "s3://company-lake/lake", WHERE)
    assert json.loads(shown.stdout) == expected
    assert shown.stderr.splitlines() == [
        "note: without prompts and answers (llm_payload); with them: --payload",
        "note: for a bucket that encrypts with a KMS key of yours: --kms-key ARN",
    ]
    quiet = CliRunner().invoke(iam, [*arguments, "--json"], obj=Settings())
    assert json.loads(quiet.stdout) == expected
    assert quiet.stderr == ""


def test_the_command_without_a_bucket() -> None:
    """For a lake in a folder it says in one line that there is nothing to allow."""
    settings = Settings()
    settings.lake = "file:///srv/lake"
    shown = CliRunner().invoke(iam, ["--role", "writer"], obj=settings)
    assert shown.exit_code == 1
    assert shown.stderr == (
        "Error: SEKISHO_LAKE=file:///srv/lake: IAM policies are for buckets; use "
        "s3://bucket/prefix\n"
    )


# From here on against a server that enforces policies.


@pytest.fixture(scope="module")
def emulator() -> Iterator[Moto]:
    """moto, which enforces actions and resources, taught to enforce our conditions."""
    with moto(str(Path(__file__).with_name("moto_prefixes.py"))) as server:
        yield server


@pytest.fixture
def server(emulator: Moto) -> Iterator[Moto]:
    """The same with one object in each table and one beside them; it ends as it began."""
    client = emulator.client()
    for key in (f"lake/{USAGE}", f"lake/{PAYLOAD}", "lake/secret", "elsewhere/usage/x"):
        client.put_object(Bucket=emulator.bucket, Key=key, Body=b"content")
    client.close()
    yield emulator
    emulator.reset()


@pytest.fixture
def use(server: Moto, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes this process a user who has only the policy of a role."""

    def become(role: Role, *, payload: bool = False) -> S3Server:
        document = policies.policy(role, server.lake, WHERE, payload=payload)
        user = server.user(document)
        server.enforce()
        for name, value in user.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        return user

    return become


def denied(call: Any, *arguments: Any, **named: Any) -> bool:
    """Whether the server refuses it, for want of a permission and no other reason."""
    try:
        call(*arguments, **named)
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403")
    except Denied:
        return True
    return False


def objects(store: Store, tmp_path: Path) -> Path:
    """A small file to store."""
    assert store.name
    file = tmp_path / "object"
    file.write_bytes(b"new")
    return file


def test_the_writer_may_only_store(server: Moto, use: Any, tmp_path: Path) -> None:
    """It stores in both tables, large files too; it can't read, list, delete or store elsewhere."""
    user: S3Server = use("writer")
    store = open_store(server.lake)
    file = objects(store, tmp_path)
    large = tmp_path / "large"
    large.write_bytes(bytes(20 << 20))  # goes in parts
    store.put("usage/dt=2026-11-21/2.parquet", file)
    store.put("payload/dt=2026-11-21/2.parquet", file)
    store.put("payload/dt=2026-11-21/3.parquet", large)
    assert denied(store.put, "other/x.parquet", file)
    assert denied(store.put, "x.parquet", file)
    assert denied(store.fetch, USAGE, tmp_path / "copy")
    assert denied(store.fetch, "usage/dt=2026-11-21/2.parquet", tmp_path / "copy")
    assert denied(store.list, "usage/")
    assert denied(store.list, "")
    assert denied(store.delete, USAGE)
    client = user.client()
    bucket = server.bucket
    assert denied(client.put_object, Bucket=bucket, Key="usage/x", Body=b"")
    assert denied(client.put_object, Bucket=bucket, Key="elsewhere/usage/x", Body=b"")
    assert denied(client.head_object, Bucket=bucket, Key=f"lake/{USAGE}")
    assert denied(client.get_bucket_policy, Bucket=bucket)
    assert denied(client.delete_bucket, Bucket=bucket)
    assert denied(client.list_buckets)
    client.close()
    server.enforce(on=False)
    assert server.keys("lake/") == [
        f"lake/{PAYLOAD}",
        "lake/payload/dt=2026-11-21/2.parquet",
        "lake/payload/dt=2026-11-21/3.parquet",
        "lake/secret",
        f"lake/{USAGE}",
        "lake/usage/dt=2026-11-21/2.parquet",
    ]


def test_the_writer_can_ship(server: Moto, use: Any, tmp_path: Path) -> None:
    """The real shipper brings rows and prompts to the lake with the writer's policy alone."""
    use("writer")
    written = Log(tmp_path / "spool", "host", bodies="full", most_bytes=1 << 30)
    for name in ("a", "b"):
        row = record(name)
        body = Body(
            request_id=name,
            start_time=row.start_time,
            operation="chat",
            route="/v1/chat/completions",
            asked={"messages": [{"role": "user", "content": "hello"}]},
            answer=None,
        )
        written.end(row, body, None)
    written.close()
    done = flush(tmp_path / "spool", server.lake)
    assert (done.batches, done.records, done.files, done.bad_lines) == (1, 2, 2, 0)
    assert list((tmp_path / "spool").glob("*.closed")) == []
    server.enforce(on=False)
    new = [key for key in server.keys("lake/") if not key.endswith("/1.parquet")]
    folders = [key.rpartition("/")[0] for key in new]
    assert folders == ["lake/payload/dt=2026-11-20", "lake", "lake/usage/dt=2026-11-20"]


def test_a_shipper_without_rights_keeps_the_rows(server: Moto, use: Any, tmp_path: Path) -> None:
    """With the reader's policy nothing is stored, the message names the right, the rows stay."""
    use("reader")
    written = Log(tmp_path / "spool", "host", bodies="none", most_bytes=1 << 30)
    written.end(record("a"), None, None)
    written.close()
    with pytest.raises(LakeError, match="s3:PutObject"):
        flush(tmp_path / "spool", server.lake)
    server.enforce(on=False)
    assert len(server.keys("lake/usage/")) == 1
    assert len(list((tmp_path / "spool").glob("*.closed"))) == 1


def test_the_reader_may_only_read(server: Moto, use: Any, tmp_path: Path) -> None:
    """It copies usage to its cache; it can't read prompts or other objects, write or delete."""
    user: S3Server = use("reader")
    found = cache.folder(server.lake, tmp_path, THE_DAY, THE_DAY)
    assert (found / USAGE).read_bytes() == b"content"
    assert (cache.folder(server.lake, tmp_path, None, None) / USAGE).exists()
    assert denied(cache.folder, server.lake, tmp_path, None, None, ("payload",))
    store = open_store(server.lake)
    file = objects(store, tmp_path)
    assert denied(store.put, USAGE, file)
    assert denied(store.put, "usage/dt=2026-11-20/2.parquet", file)
    assert denied(store.replace, USAGE, file, "x")
    assert denied(store.delete, USAGE)
    assert denied(store.fetch, PAYLOAD, tmp_path / "copy")
    assert denied(store.fetch, "secret", tmp_path / "copy")
    assert denied(store.list, "payload/")
    assert denied(store.list, "")
    client = user.client()
    bucket = server.bucket
    assert denied(client.list_objects_v2, Bucket=bucket)
    assert denied(client.list_objects_v2, Bucket=bucket, Prefix="elsewhere/")
    assert denied(client.get_object, Bucket=bucket, Key="elsewhere/usage/x")
    client.put_object(Bucket=bucket, Key="results/q.csv", Body=b"")
    client.get_object(Bucket=bucket, Key="results/q.csv")
    client.list_objects_v2(Bucket=bucket, Prefix="results/")
    assert denied(client.delete_object, Bucket=bucket, Key="results/q.csv")
    client.close()


def test_a_reader_of_prompts_reads_both(server: Moto, use: Any, tmp_path: Path) -> None:
    """With --payload the cache has both tables, and nothing more is allowed."""
    use("reader", payload=True)
    found = cache.folder(server.lake, tmp_path, THE_DAY, THE_DAY, ("usage", "payload"))
    assert (found / PAYLOAD).read_bytes() == b"content"
    store = open_store(server.lake)
    assert denied(store.put, PAYLOAD, objects(store, tmp_path))
    assert denied(store.delete, PAYLOAD)
    assert denied(store.fetch, "secret", tmp_path / "copy")


def test_the_reader_may_query(server: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """The actions on the workgroup are all that a query through Athena needs.

    moto asks for Athena's actions on the resource `*`, whatever the workgroup: here they have it.
    """
    client = server.client("athena")
    client.create_work_group(Name="finance", Configuration={})
    client.close()
    document = policies.policy("reader", server.lake, WHERE)
    statement(document, "Query")["Resource"] = "*"
    user = server.user(document)
    server.enforce()
    for name, value in {**user.variables, "AWS_ENDPOINT_URL_ATHENA": server.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    sql = "SELECT 1 FROM llm_usage WHERE dt >= '2026-11-20'"
    assert athena.run(sql, Settings(), sleep=lambda _: None).rows == []
    mine = user.client("athena")
    assert denied(mine.create_work_group, Name="other", Configuration={})
    mine.close()


def test_who_may_not_query_is_told_the_policy(
    server: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the right to start a query the message names the command that prints the policy."""
    user = server.user(policies.policy("writer", server.lake, WHERE))
    server.enforce()
    for name, value in {**user.variables, "AWS_ENDPOINT_URL_ATHENA": server.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(LakeError, match=r"sekisho logs iam --role reader$"):
        athena.run("SELECT 1 FROM llm_usage WHERE dt >= '2026-11-20'", Settings())


def test_the_keeper_may_keep(server: Moto, use: Any, tmp_path: Path) -> None:
    """It compacts and retires, as it does every day; it can't touch what lies beside the tables."""
    user: S3Server = use("keeper")
    store = open_store(server.lake)
    store.delete(USAGE)
    store_batch(store, "1", [record("a")])
    store_batch(store, "2", [record("b")])
    now = datetime.now(UTC)
    done = compact.run(store, tmp_path / "work", now)
    assert done == Compacted((THE_DAY,), files=2, records=2, waiting=2)
    later = now + timedelta(days=400)
    gone = retention.run(store, later, usage_days=0, payload_days=90)
    assert [(one.table, one.day, one.files) for one in gone] == [("payload", THE_DAY, 1)]
    file = objects(store, tmp_path)
    assert denied(store.put, "other/x", file)
    assert denied(store.fetch, PAYLOAD, tmp_path / "copy")
    assert denied(store.put, PAYLOAD, file)
    assert denied(store.fetch, "secret", tmp_path / "copy")
    assert denied(store.delete, "secret")
    assert denied(store.list, "")
    client = user.client()
    bucket = server.bucket
    assert denied(client.list_objects_v2, Bucket=bucket, Prefix="elsewhere/")
    assert denied(client.get_object, Bucket=bucket, Key="elsewhere/usage/x")
    assert denied(client.delete_object, Bucket=bucket, Key="elsewhere/usage/x")
    assert denied(client.delete_bucket, Bucket=bucket)
    client.close()
    server.enforce(on=False)
    assert server.keys("lake/") == [
        "lake/secret",
        f"lake/{USAGE}",
        "lake/usage/dt=2026-11-20/2.parquet",
        "lake/usage/dt=2026-11-20/day.parquet",
    ]


def test_a_wrong_secret_is_refused(server: Moto, use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator checks signatures, too: the tests above prove something."""
    use("keeper")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(LakeError):
        open_store(server.lake).list("usage/")
