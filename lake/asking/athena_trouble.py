"""What Athena says went wrong, in one line with what to do about it."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from ..place import LakeError

_DDL = "make or renew the tables: sekisho logs ddl"
_IAM = "give this role the policy of: sekisho logs iam --role reader"
_WORKGROUP = "set SEKISHO_ATHENA_WORKGROUP to a workgroup of this region (AWS_REGION)"
_OUTPUT = "set SEKISHO_ATHENA_OUTPUT=s3://bucket/prefix/, or a result location of the workgroup"
_CUTOFF = (
    "the workgroup lets a query scan so many bytes and no more; ask for fewer days (--since), "
    "compact the lake (sekisho logs compact), or raise BytesScannedCutoffPerQuery"
)

# What is found in Athena's words, first match wins. Words of the SDK's reference and of the
# user guide's troubleshooting pages; codes in capitals are Trino's.
_REMEDIES = (
    (r"bytes scanned limit", _CUTOFF),
    (r"no output location|output bucket|result location|outputlocation", _OUTPUT),
    (r"access.?denied|not authorized|permission_denied|insufficient permissions|forbidden", _IAM),
    (r"workgroup .*(not found|does not exist|disabled)", _WORKGROUP),
    (r"table_not_found|schema_not_found|column_not_found|entitynotfound", _DDL),
    (
        r"entitynotfound|(table|view|schema|database|column) .*(not exist|not found|be resolved)",
        _DDL,
    ),
    (r"hive_bad_data|hive_partition_schema|invalid_view|stale", _DDL),
    (r"toomanyrequests|throttl|rate exceeded|too many queries", "wait a minute and try again"),
    (r"exhausted resources|time.?out", "ask for fewer days (--since), or try again"),
    (r"expiredtoken|security token|signature|credentials", "renew the AWS credentials"),
)


@contextmanager
def explained(where: str) -> Generator[None]:
    """Turn the SDK's errors within the block into LakeError."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
    )

    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        raise _error(where, f"{found.get('Code', '')}: {found.get('Message', '')}") from error
    except NoRegionError as error:
        raise LakeError(f"{where}: no region; set AWS_REGION") from error
    except NoCredentialsError as error:
        raise LakeError(
            f"{where}: no AWS credentials; log in as with the AWS tools, or set AWS_PROFILE"
        ) from error
    except BotoCoreError as error:
        raise LakeError(
            f"{where}: {_one_line(str(error))}; check the network and AWS_REGION"
        ) from error


def of_status(where: str, status: Mapping[str, Any], scanned: int) -> LakeError:
    """The error of a query that failed or was cancelled, from `QueryExecution.Status`."""
    detail = status.get("AthenaError", {}).get("ErrorMessage", "")
    reason = status.get("StateChangeReason") or detail
    if not reason and status["State"] == "CANCELLED":
        return LakeError(f"{where}: the query was cancelled by someone after {scanned:,} bytes")
    return _error(where, reason or "the query failed, Athena doesn't say why")


def _error(where: str, said: str) -> LakeError:
    text = _one_line(said)
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, text, re.IGNORECASE):
            return LakeError(f"{where}: {text}; {remedy}")
    return LakeError(f"{where}: {text}")


def _one_line(text: str) -> str:
    line = " ".join(text.split()).rstrip(".;: ")
    return line if len(line) <= 400 else line[:397] + "..."
