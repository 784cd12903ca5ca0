"""Bedrock, Vertex AI and Azure on one local port, as far as their official SDKs can tell.

>>> with Simulator.start() as simulator:
...     client = boto3.client("bedrock-runtime", endpoint_url=simulator.url, ...)
...     simulator.script({"status": 429, "retry_after": 2}, {})
...     simulator.journal()[-1]["path"]

What an answer looks like is said by directives in the prompt or by `Simulator.script`: see
`tests.simulators.script`. What it costs in tokens: see `tests.simulators.pretend`.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import account
from .script import from_mapping

__all__ = ["PROJECT", "Simulator"]

PROJECT = account.PROJECT
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator: `url` has no path, `service_account_file` logs in to it."""

    url: str
    service_account_file: Path

    @classmethod
    @contextmanager
    def start(cls) -> Generator["Simulator"]:
        """Run the server in a process of its own, on a free port, until the block ends."""
        command = [sys.executable, "-m", "tests.simulators", "--port", "0", "--until-eof"]
        process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout
            url = process.stdout.readline().strip()  # printed once the port accepts connections
            if not url:
                raise RuntimeError("the simulator did not start; its error is on stderr")
            with tempfile.TemporaryDirectory() as folder:
                yield cls(url, account.write(Path(folder, "service-account.json"), url))
        finally:
            process.kill()
            process.communicate()

    def journal(self) -> list[dict[str, Any]]:
        """Every request received, oldest first: method, path, query, headers, body, status,
        complete (was the answer delivered to its end?), at (when it came, seconds of Unix time),
        left (when the client went away before the end of the answer; None if it stayed), faults
        (what the provider takes but nobody should do, in words)."""
        entries: list[dict[str, Any]] = self._call("GET", "/_journal")
        return entries

    def clear(self) -> None:
        """Forget the journal and the queued behaviours."""
        self._call("DELETE", "/_journal")

    def script(self, *behaviours: dict[str, Any]) -> None:
        """Queue one behaviour for each of the next requests; `{}` is a normal answer.

        Raises `ScriptError` for an unknown key.
        """
        for behaviour in behaviours:
            from_mapping(behaviour)
        self._call("POST", "/_script", behaviours)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)
