"""IAM policies of the lake: what each of its three users needs, and not a right more.

The writer is the gateway: it stores, and can neither read what it stored nor delete it. The reader
asks, through Athena or by copying files. The keeper compacts, restates and retires.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from .. import place
from ..asking import tables
from ..place import LakeError

Role = Literal["writer", "reader", "keeper"]
ROLES: tuple[Role, ...] = get_args(Role)

_USAGE, _PAYLOAD = "usage", "payload"
_NAMES = {
    _USAGE: (tables.USAGE_FILES, tables.USAGE, tables.FOCUS_VIEW),
    _PAYLOAD: (tables.PAYLOAD,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Athena:
    """Where the reader's queries run; `output` is `s3://bucket/prefix/` or empty (see `policy`)."""

    workgroup: str
    database: str
    output: str = ""
    region: str = "*"
    account: str = "*"


@dataclass(frozen=True, slots=True)
class _Place:
    """A bucket and the beginning of its keys, without a slash at the end."""

    partition: str
    bucket: str
    prefix: str

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    def keys(self, name: str) -> str:
        """Keys below a folder of the place, as a pattern."""
        return "/".join(part for part in (self.prefix, name, "*") if part)

    def objects(self, name: str) -> str:
        """The same as ARN."""
        return f"{self.bucket_arn}/{self.keys(name)}"


def policy(
    role: Role,
    lake: str,
    athena: Athena,
    *,
    payload: bool = False,
    kms_key: str = "",
) -> dict[str, object]:
    """The policy document of a role for a lake on S3 (`s3://bucket/prefix`).

    A reader gets `llm_payload`, people's prompts, only with `payload`. `kms_key` is the ARN of the
    key of a bucket that encrypts with one of yours. Without `athena.output` a reader has no right
    to a bucket of results: right for workgroups with managed results. Raises LakeError.
    """
    partition = _partition(athena.region)
    spot = _place("SEKISHO_LAKE", lake, partition)
    if role == "writer":
        found = _writer(spot)
    elif role == "keeper":
        found = _keeper(spot)
    else:
        found = _reader(spot, [_USAGE, _PAYLOAD] if payload else [_USAGE], athena)
    if kms_key:
        found.append(_statement("Key", _key_rights(role, lake, athena), [kms_key]))
    return {"Version": "2012-10-17", "Statement": found}


def notes(role: Role, athena: Athena, *, payload: bool, kms_key: str) -> list[str]:
    """What an operator should know who takes this policy; one line each."""
    found: list[str] = []
    if role == "reader" and not payload:
        found.append("without prompts and answers (llm_payload); with them: --payload")
    if role == "reader" and not athena.output:
        found.append(
            "no bucket for Athena's results: if the workgroup has no managed results, set "
            "SEKISHO_ATHENA_OUTPUT=s3://bucket/prefix/"
        )
    if role == "reader" and athena.account == "*":
        found.append("Athena and Glue of any account; narrower: --account 123456789012")
    if not kms_key:
        found.append("for a bucket that encrypts with a KMS key of yours: --kms-key ARN")
    return found


def _key_rights(role: Role, lake: str, athena: Athena) -> list[str]:
    # Parts of a large object are encrypted one by one, and read again to be put together.
    writes = role != "reader" or urlsplit(athena.output).netloc == urlsplit(lake).netloc
    return ["kms:Decrypt", *(["kms:GenerateDataKey"] if writes else [])]


def _writer(spot: _Place) -> list[dict[str, object]]:
    objects = [spot.objects(_USAGE), spot.objects(_PAYLOAD)]
    return [_statement("Store", ["s3:PutObject", "s3:AbortMultipartUpload"], objects)]


def _keeper(spot: _Place) -> list[dict[str, object]]:
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    return [
        _statement("Keep", actions, [spot.objects(_USAGE)]),
        _statement("Delete", ["s3:DeleteObject"], [spot.objects(_PAYLOAD)]),
        _listing("List", spot, [_USAGE, _PAYLOAD]),
    ]


def _reader(spot: _Place, folders: Sequence[str], athena: Athena) -> list[dict[str, object]]:
    found = [
        _statement("Read", ["s3:GetObject"], [spot.objects(folder) for folder in folders]),
        _listing("List", spot, folders),
        _statement("Find", ["s3:GetBucketLocation"], [spot.bucket_arn]),
        _statement("Query", _QUERY, [_arn(athena, "athena", f"workgroup/{athena.workgroup}")]),
        _statement("Tables", _TABLES, _glue(athena, folders)),
    ]
    return [*found, *_results(spot, athena)]


_QUERY = (
    "athena:StartQueryExecution",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:StopQueryExecution",
    "athena:GetWorkGroup",
)
_TABLES = (
    "glue:GetDatabase",
    "glue:GetTable",
    "glue:GetTables",
    "glue:GetPartition",
    "glue:GetPartitions",
)


def _glue(athena: Athena, folders: Sequence[str]) -> list[str]:
    names = [name for folder in folders for name in _NAMES[folder]]
    return [
        _arn(athena, "glue", "catalog"),
        _arn(athena, "glue", f"database/{athena.database}"),
        *(_arn(athena, "glue", f"table/{athena.database}/{name}") for name in names),
    ]


def _results(lake: _Place, athena: Athena) -> list[dict[str, object]]:
    if not athena.output:
        return []
    spot = _place("SEKISHO_ATHENA_OUTPUT", athena.output, lake.partition)
    for table in (_USAGE, _PAYLOAD):
        beside, table_keys = spot.keys("").rstrip("*"), lake.keys(table).rstrip("*")
        overlap = beside.startswith(table_keys) or table_keys.startswith(beside)
        if spot.bucket == lake.bucket and overlap:
            raise LakeError(
                f"SEKISHO_ATHENA_OUTPUT={athena.output} is where the lake's tables are, a reader "
                "could overwrite them; choose another prefix or bucket"
            )
    actions = (
        "s3:GetObject",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    )
    return [
        _statement("Results", actions, [spot.objects("")]),
        _listing("ListResults", spot, [""]),
        _statement("FindResults", ["s3:GetBucketLocation"], [spot.bucket_arn]),
    ]


def _listing(name: str, spot: _Place, folders: Sequence[str]) -> dict[str, object]:
    prefixes = [spot.keys(folder) for folder in folders]
    return {
        **_statement(name, ["s3:ListBucket"], [spot.bucket_arn]),
        "Condition": {"StringLike": {"s3:prefix": prefixes}},
    }


def _statement(name: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, object]:
    return {
        "Sid": name,
        "Effect": "Allow",
        "Action": [*actions],
        "Resource": [*resources],
    }


def _arn(athena: Athena, service: str, what: str) -> str:
    partition = _partition(athena.region)
    return f"arn:{partition}:{service}:{athena.region}:{athena.account}:{what}"


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _place(variable: str, url: str, partition: str) -> _Place:
    if not place.is_s3(url):
        raise LakeError(f"{variable}={url}: IAM policies are for buckets; use s3://bucket/prefix")
    bucket, prefix = place.bucket(url)
    if set(prefix) & set("*?$"):
        raise LakeError(f"{variable}={url}: IAM would take *, ? and $ for patterns; rename it")
    return _Place(partition, bucket, prefix)
