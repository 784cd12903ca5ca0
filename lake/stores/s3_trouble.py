"""What a bucket says went wrong, in one line with what to do about it."""

import contextlib
import os
from collections.abc import Generator, Mapping
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)
from urllib3.exceptions import HTTPError

from ..place import LakeError, without_secrets
from . import aws
from .store import Denied

_ROLES = {
    "s3:PutObject": "writer (keeper, for compacting and restating)",
    "s3:GetObject": "reader",
    "s3:ListBucket": "reader",
    "s3:DeleteObject": "keeper",
}
_BAD_CREDENTIALS = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "InvalidClientTokenId",
    }
)
_ELSEWHERE = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "301",
        "307",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    }
)


@contextlib.contextmanager
def explained(lake: str, action: str, resource: str) -> Generator[None]:
    """Turn what boto3 raises within the block into LakeError, or Denied.

    `action` is what is being tried (`s3:PutObject`), `resource` is `bucket/key`.
    """
    try:
        yield
    except ClientError as error:
        raise _of_answer(lake, action, resource, error.response) from error
    except (BotoCoreError, Boto3Error, HTTPError, OSError) as error:
        cause = error.__cause__ or error.__context__
        if isinstance(error, Boto3Error) and isinstance(cause, ClientError):
            raise _of_answer(lake, action, resource, cause.response) from error
        raise _of_trouble(lake, error) from error


def _of_answer(lake: str, action: str, resource: str, answer: Mapping[str, Any]) -> LakeError:
    found: Mapping[str, Any] = answer.get("Error", {})
    code, said = str(found.get("Code", "")), " ".join(str(found.get("Message", "")).split())
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return Denied(f"lake {lake}: there is no such bucket; check SEKISHO_LAKE{_where()}")
    if code in _ELSEWHERE:
        region = _region_of(answer) or "another region"
        return Denied(f"lake {lake}: the bucket is in {region}; set AWS_REGION to it")
    if code == "RequestTimeTooSkewed":
        return Denied(f"lake {lake}: this machine's clock is wrong; set it (NTP)")
    if code in _BAD_CREDENTIALS:
        return Denied(f"lake {lake}: the AWS credentials are refused ({code}); renew them")
    if status in (401, 403):
        return Denied(
            f"lake {lake}: {action} on {_folder(resource)} is denied ({said or code}); give this "
            f"role the policy of: sekisho logs iam --role {_ROLES.get(action, 'keeper')}"
        )
    return LakeError(f"lake {lake}: {action} on {resource} failed: {status} {code}: {said:.300}")


def _folder(resource: str) -> str:
    """The prefix rather than one of its many keys: the policy names it, and lines are alike."""
    head = resource.split("/dt=", 1)[0]
    return resource if head == resource else f"{head}/*"


def _region_of(answer: Mapping[str, Any]) -> str | None:
    headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    found = headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region")
    return str(found) if found else None


def _of_trouble(lake: str, error: Exception) -> LakeError:
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return Denied(
            f"lake {lake}: no AWS credentials ({_one_line(error)}); log in as for the AWS tools, "
            "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine "
            "a role"
        )
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return LakeError(f"lake {lake}: can't connect; check network and proxy{_where()}")
    if isinstance(error, ReadTimeoutError):
        return LakeError(f"lake {lake}: no answer in time; check network and proxy{_where()}")
    return LakeError(f"lake {lake}: {_one_line(error)}")


def _where() -> str:
    """The variables that decide where requests go, as they are."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    named = (
        f"AWS_ENDPOINT_URL_S3={without_secrets(endpoint)}" if endpoint else "no AWS_ENDPOINT_URL_S3"
    )
    return f" (AWS_REGION={aws.region() or ''}, {named})"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:400].rstrip(".")
