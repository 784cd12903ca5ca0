"""Every client on every route: the cells, and what came of them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import installation
from .job import Job, Stage, run
from .roster import Client
from .scenarios import SCENARIOS, Scenario


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a cloud: its alias; `only` is the API that it is reached with, if there is one."""

    title: str
    alias: str
    only: str | None = None

    def takes(self, client: Client) -> bool:
        """Whether this client's API leads here."""
        return self.only in (None, client.api)


ROUTES = (
    Route("Bedrock Claude, InvokeModel", "claude-sonnet-4-6-bedrock", only="messages"),
    Route("Bedrock Claude, Converse", "claude-sonnet-4-6-converse"),
    Route("Bedrock Nova", "nova-pro"),
    Route("Vertex Gemini", "gemini-3.5-flash"),
    Route("Vertex Claude", "claude-sonnet-4-6-vertex"),
    Route("Azure chat", "gpt-4.1"),
    Route("Azure Responses", "gpt-5.3-codex"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One client, route and scenario; `flaw` is None when it went well."""

    client: str
    route: str
    scenario: str
    flaw: str | None


def cells(
    stage: Stage, client: Client, route: Route, wanted: Sequence[Scenario] = SCENARIOS
) -> Iterator[Cell]:
    """Run a client on a route, one scenario after the other, in one home."""
    folder = client.installed()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        job = Job(stage, route.alias, Path(home))
        job.folder.mkdir()
        if client.tool:
            connect(job, client.tool)
        for scenario in wanted:
            if scenario.with_tools and client.writes is None:
                continue
            flaw = _flaw(folder, job, client, scenario)
            yield Cell(client.title, route.title, scenario.name, flaw)


def connect(job: Job, tool: str) -> None:
    """What a person does: `sekisho connect TOOL --write`."""
    options = ["--url", job.stage.gateway.url, "--key", job.stage.key, "--model", job.model]
    subprocess.run(
        [sys.executable, "-m", "sekisho", "connect", tool, *options, "--write"],
        env=job.variables({"SEKISHO_HOME": str(job.stage.gateway.home)}),
        cwd=job.home,
        check=True,
        capture_output=True,
        timeout=60,
    )


def environment(client: Client, folder: Path) -> dict[str, str]:
    """A client's variables, and the Node.js that it needs first in its path."""
    path = f"{installation.node(folder).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, **client.variables}


def _no_tools(path: Path, text: str) -> str:
    return ""


def _flaw(folder: Path, job: Job, client: Client, scenario: Scenario) -> str | None:
    for old in job.folder.glob("*.txt"):
        old.unlink()
    prompt = scenario.prompt(job.folder, client.writes or _no_tools)
    command = client.start(folder, job, prompt)
    told = len(job.stage.gateway.log())
    flaw = scenario.flaw(run(job, command, environment(client, folder), scenario.cancel))
    trouble = "Traceback" in job.stage.gateway.log()[told:]
    return flaw or ("an unhandled exception in the gateway's log" if trouble else None)
