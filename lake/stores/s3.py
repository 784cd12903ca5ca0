"""A lake in a bucket: Amazon S3, or what speaks its language (`AWS_ENDPOINT_URL_S3`)."""

import contextlib
import secrets
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from .. import place
from . import aws, s3_trouble
from .store import Changed, Item

_PART_BYTES = 16 << 20  # a larger file goes in parts of this size
_CHUNK = 1 << 20
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_NOT_AS_BEFORE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
# A conditional PUT whose reply was lost fails when it is tried again; by this it knows itself.
_WRITER = "sekisho-writer"


class S3Store:
    """The objects below a prefix of a bucket; safe for threads.

    Credentials, region and endpoint are those that the AWS tools would use.
    """

    def __init__(self, lake: str, *, read_seconds: float, attempts: int) -> None:
        """No request is sent yet. Raises LakeError for a URL or a profile that can't be used."""
        self.name = lake
        self._bucket, self._prefix = place.bucket(lake)
        with s3_trouble.explained(lake, "s3:PutObject", self._key("")):
            # A session of its own: the shared one keeps the credentials that it found first.
            self._client: Any = boto3.Session().client(
                "s3",
                region_name=aws.region(),
                config=Config(
                    connect_timeout=min(5.0, read_seconds),
                    read_timeout=read_seconds,
                    retries={"total_max_attempts": attempts, "mode": "standard"},
                    max_pool_connections=8,
                    # Others than Amazon's often know neither.
                    response_checksum_validation="when_required",
                    request_checksum_calculation="when_required",
                ),
            )

    def put(self, key: str, path: Path) -> None:
        """Store a file, in parts when it is large; S3 shows it when it is whole."""
        with self._explained("s3:PutObject", key):
            if path.stat().st_size > _PART_BYTES:
                self._put_in_parts(key, path)
                return
            with path.open("rb") as file:
                self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=file)

    def replace(self, key: str, path: Path, tag: str | None) -> None:
        """Store a file if the object still has this tag, in one request. Raises Changed.

        A server that doesn't know `If-Match` stores it in any case; Amazon's does.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": f'"{tag}"'}
        writer = secrets.token_hex(16)
        with self._explained("s3:PutObject", key), path.open("rb") as file:
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key(key),
                    Body=file,
                    Metadata={_WRITER: writer},
                    **condition,
                )
            except ClientError as error:
                if _code(error) not in _NOT_AS_BEFORE | _MISSING:
                    raise
                if not self._is_by(writer, key):
                    raise Changed(
                        f"lake {self.name}: {key} was changed by another process; try again"
                    ) from error

    def fetch(self, key: str, path: Path) -> str | None:
        """Copy an object into a file; when the connection breaks, from its beginning again."""
        with self._explained("s3:GetObject", key):
            for patience in (2, 1, 0):
                try:
                    return self._download(key, path)
                except (HTTPError, BotoCoreError):
                    if not patience:
                        raise
                except ClientError as error:
                    if _code(error) in _MISSING:
                        return None
                    raise
        return None

    def list(self, prefix: str) -> list[Item]:
        """The objects whose keys begin with `prefix`, by key."""
        start = len(self._key(""))
        with self._explained("s3:ListBucket", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._key(prefix)
            )
            found = [item for page in pages for item in page.get("Contents", [])]
        items = [
            Item(each["Key"][start:], each["Size"], each["LastModified"], _tag(each))
            for each in found
        ]
        return sorted(items, key=lambda item: item.key)

    def delete(self, key: str) -> None:
        """Delete an object; it is no error when there is none."""
        with self._explained("s3:DeleteObject", key):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))

    def _key(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def _put_in_parts(self, key: str, path: Path) -> None:
        # One after another: parts on their way are in memory.
        how = TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False
        )
        self._client.upload_file(str(path), self._bucket, self._key(key), Config=how)

    def _download(self, key: str, path: Path) -> str:
        answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key))
        with contextlib.closing(answer["Body"]) as body, path.open("wb") as file:
            for chunk in body.iter_chunks(_CHUNK):
                file.write(chunk)
        return _tag(answer)

    def _is_by(self, writer: str, key: str) -> bool:
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=self._key(key))
        except ClientError as error:
            if _code(error) in _MISSING:
                return False
            raise
        return writer in found.get("Metadata", {}).values()

    @contextlib.contextmanager
    def _explained(self, action: str, key: str) -> Generator[None]:
        with s3_trouble.explained(self.name, action, f"{self._bucket}/{self._key(key)}"):
            yield


def _tag(answer: Mapping[str, Any]) -> str:
    # Some servers have it with quotes in one answer and without in another.
    return str(answer["ETag"]).strip('"')


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
