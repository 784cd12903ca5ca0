"""A real gateway for tests: `sekisho up` in a process of its own, with its own home and port."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sekisho.lake import codec
from sekisho.lake.record import Record
from sekisho.lake.spool import segments

from .simulators import PROJECT, Simulator

# The interpreter's own folder, then the system's: a gateway under test sees no variable of ours.
T = TypeVar("T")

# The shared gateway's, so that what it derives from it can be written out in tests.
MASTER_KEY = "sk-master-of-the-tests"
# By which Open WebUI would prove its users to it: the old one and the new one.
OPENWEBUI_SECRETS = (
    "the-secret-before-it-0123456789abcdef",
    "the-secret-of-the-tests-0123456789abcdef",
)
_PATH = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))


def until(what: str, probe: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true answer of `probe`, asked again and again; fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def free_port() -> int:
    """A TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cloud_variables(simulator: Simulator) -> dict[str, str]:
    """The clouds' own variables, pointing at a simulator."""
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_BEDROCK_RUNTIME_ENDPOINT": simulator.url,
        "AWS_BEDROCK_AGENT_RUNTIME_ENDPOINT": simulator.url,
        "AZURE_API_BASE": simulator.url,
        "AZURE_API_KEY": "simulated",
        "AZURE_API_VERSION": "2025-03-01-preview",
        "AZURE_AI_API_BASE": simulator.url,
        "AZURE_AI_API_KEY": "simulated",
        "VERTEXAI_PROJECT": PROJECT,
        "VERTEXAI_LOCATION": "global",
        "GOOGLE_APPLICATION_CREDENTIALS": str(simulator.service_account_file),
        "VERTEX_API_BASE": simulator.url,
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def sekisho(home: Path, *words: str, variables: Mapping[str, str] | None = None) -> Answer:
    """Run the command line as an operator does, in a process of its own."""
    environment = {"PATH": _PATH, "HOME": str(home), "SEKISHO_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "sekisho", *words],
        env={**environment, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=home,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(slots=True)
class Gateway:
    """A running gateway; `url` has no path."""

    url: str
    home: Path
    process: "subprocess.Popen[bytes]"
    variables: Mapping[str, str]

    @classmethod
    @contextmanager
    def start(
        cls, home: Path, *options: str, variables: Mapping[str, str] | None = None
    ) -> Generator["Gateway"]:
        """Start `sekisho up` on a free port, wait until it is ready, and stop it at the end."""
        port = free_port()
        environment = {"PATH": _PATH, "HOME": str(home), "SEKISHO_HOME": str(home)}
        environment |= variables or {}
        command = [sys.executable, "-m", "sekisho", "up", "--port", str(port), *options]
        with (home / "up.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
        gateway = cls(f"http://127.0.0.1:{port}", home, process, environment)
        try:
            until("the gateway to be ready", gateway._is_ready, 90)
            yield gateway
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(40)
            process.kill()
            process.wait()

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"the gateway ended: {self.log()}"
        with suppress(httpx.TransportError):
            return httpx.get(self.url + "/health/readiness").status_code == 200
        return False

    def log(self) -> str:
        """All that the gateway has printed."""
        return (self.home / "up.log").read_text()

    def children(self) -> dict[int, str]:
        """The processes that `sekisho up` has started, and their command lines."""
        found = {}
        pids = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for pid in " ".join(path.read_text() for path in pids).split():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                found[int(pid)] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        return found

    def workers(self) -> set[int]:
        """The processes that serve, when there are several."""
        return {pid for pid, words in self.children().items() if "spawn_main" in words}

    def issue(self, alias: str, **options: str) -> str:
        """Issue a key with the command line; the options are its flags."""
        flags = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
        words = [word for flag in flags.items() for word in flag]
        key: str = json.loads(self.keys("issue", "--alias", alias, "--json", *words))["key"]
        return key

    def keys(self, *words: str) -> str:
        """What `sekisho keys ...` prints for this gateway."""
        answer = sekisho(self.home, "keys", *words, variables=self.variables)
        assert answer.code == 0, answer.err
        return answer.out

    def client(self, key: str, **options: Any) -> httpx.Client:
        """An HTTP client that sends this key."""
        headers = {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)

    def rows(self) -> list[Record]:
        """All rows that are in the spool, in the order of their segments."""
        return [
            codec.decode(line)
            for segment in segments.find(self.home / "spool")
            for line in segments.rows(segment.path.read_bytes().split(b"\n"))
            if line
        ]

    def row(self, answer: httpx.Response) -> Record:
        """The one row of an answer."""
        return self.row_of(answer.headers["x-sekisho-request-id"])

    def row_of(self, request_id: str) -> Record:
        """The one row of a request."""

        def found() -> list[Record]:
            return [row for row in self.rows() if row.request_id == request_id]

        rows = until(f"the row of {request_id}", found)
        assert len(rows) == 1, f"{len(rows)} rows for {request_id}"
        return rows[0]
