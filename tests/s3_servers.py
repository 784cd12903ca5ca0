"""S3 servers for tests: rclone's, which checks signatures, and moto's, which knows IAM policies.

>>> with rclone(folder) as server:
...     server.client().list_objects_v2(Bucket=server.bucket)
...     run(child, env={**environment, **server.variables})
"""

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from .gateway import free_port, until

BUCKET = "company-lake"
REGION = "ap-northeast-1"
_ACCESS_KEY, _SECRET_KEY = "AKIATESTSTESTSTESTS0", "tests/tests/tests/tests/tests/tests/test"
_ACCOUNT = "arn:aws:iam::123456789012"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server and what a client needs; `folder` has the objects as files (rclone)."""

    url: str
    bucket: str
    access_key: str
    secret_key: str
    region: str
    folder: Path | None = None

    @property
    def lake(self) -> str:
        """`SEKISHO_LAKE` for a lake in this bucket."""
        return f"s3://{self.bucket}/lake"

    @property
    def variables(self) -> dict[str, str]:
        """The AWS tools' variables, for a child process; nothing is read from this machine."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def at(self, url: str) -> "S3Server":
        """The same server by another address, as of a proxy before it."""
        return replace(self, url=url)

    def client(self, service: str = "s3") -> Any:
        """A boto3 client of its own, which asks once and waits 10 s."""
        config = Config(
            connect_timeout=5,
            read_timeout=10,
            retries={"total_max_attempts": 1, "mode": "standard"},
            response_checksum_validation="when_required",
            request_checksum_calculation="when_required",
        )
        return boto3.client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=config,
        )

    def keys(self, prefix: str = "") -> list[str]:
        """Every key in the bucket that begins with `prefix`, sorted."""
        client = self.client()
        try:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            return sorted(item["Key"] for page in pages for item in page.get("Contents", []))
        finally:
            client.close()

    def fetch(self, key: str) -> bytes:
        """An object's content."""
        client = self.client()
        try:
            content: bytes = client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        finally:
            client.close()
        return content


@dataclass(frozen=True, slots=True)
class Moto(S3Server):
    """moto's emulator, with everything allowed until `enforce` is called."""

    def enforce(self, on: bool = True) -> None:
        """Check signatures and IAM policies from now on, or no longer."""
        self._control("reset-auth", b"0" if on else b"inf")

    def user(self, policy: Mapping[str, Any]) -> S3Server:
        """The same server for a new IAM user with this policy only. Call `enforce` afterwards."""
        name = f"sekisho-{secrets.token_hex(4)}"
        iam = self.client("iam")
        try:
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
            made = iam.create_access_key(UserName=name)["AccessKey"]
        finally:
            iam.close()
        return S3Server(
            self.url, self.bucket, made["AccessKeyId"], made["SecretAccessKey"], self.region
        )

    def reset(self) -> None:
        """Forget everything but the bucket, which is there again, empty."""
        self.enforce(on=False)
        self._control("reset", b"")
        self.make_bucket()

    def _control(self, what: str, content: bytes) -> None:
        request = urllib.request.Request(
            f"{self.url}/moto-api/{what}", content, {"Content-Type": "text/plain"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def make_bucket(self) -> None:
        """Make the empty bucket."""
        client = self.client()
        try:
            where = {"LocationConstraint": self.region}
            client.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)
        finally:
            client.close()


@contextmanager
def rclone(folder: Path) -> Generator[S3Server]:
    """rclone's S3 server, in a process of its own, over `folder`/BUCKET.

    It checks signatures and stores files. It ignores `If-Match` and `If-None-Match`.
    """
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    port = free_port()
    program = str(Path(sys.executable).with_name("rclone"))
    # Not 0s: with that rclone turns in circles on a whole core, and hangs.
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--dir-cache-time", "10ms"]
    command += ["--auth-key", f"{_ACCESS_KEY},{_SECRET_KEY}", str(folder)]
    server = S3Server(
        f"http://127.0.0.1:{port}", BUCKET, _ACCESS_KEY, _SECRET_KEY, REGION, folder / BUCKET
    )
    with _running(command, server.url):
        yield server


@contextmanager
def moto(*program: str) -> Generator[Moto]:
    """moto's server, in a process of its own, with one empty bucket; also IAM, Athena, Glue.

    `program` are Python's arguments for another one than plain moto.
    """
    port = free_port()
    program = program or ("-m", "moto.server")
    command = [sys.executable, *program, "-H", "127.0.0.1", "-p", str(port)]
    server = Moto(f"http://127.0.0.1:{port}", BUCKET, "root", "root", REGION)
    with _running(command, server.url):
        server.make_bucket()
        yield server


@contextmanager
def _running(command: list[str], url: str) -> Generator[None]:
    environment = {"PATH": os.environ["PATH"], "RCLONE_CONFIG": os.devnull}
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(f"{Path(command[0]).name}'s S3 server", lambda: _answers(url))
        yield
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return True
