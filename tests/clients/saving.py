"""What prompt caching saves clients that send no cache markers: two requests on Bedrock Claude.

Where it can, a client makes them in one turn, with a tool between them; aider, which has no tools,
is asked twice about the same file. Tokens are the simulator's count, which leaves out tools, so the
real saving is larger.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sekisho.lake.record import Record

from ..gateway import until
from .job import Job, Stage, asked, run
from .matrix import connect, environment
from .roster import CLIENTS, Client

ALIAS = "claude-sonnet-4-6-bedrock"
TRIED = ("Cline", "Codex", "aider", "Gemini CLI", "Qwen Code")
# USD for a token without a cache: the list price of that model.
_IN, _OUT = Decimal("0.000003"), Decimal("0.000015")
_FILE = "notes.txt"  # about 4,000 tokens


@dataclass(frozen=True, slots=True)
class Saving:
    """Of all requests of a client: tokens, those read from the cache in the last, and USD."""

    client: str
    requests: int
    tokens: int
    read: int
    cost: Decimal
    plain: Decimal  # without caching


def measure(stage: Stage) -> Iterator[Saving]:
    """Run each client; the gateway's own rows say what it cost."""
    for client in CLIENTS:
        if client.title in TRIED:
            yield _one(stage, client)


def _one(stage: Stage, client: Client) -> Saving:
    folder = client.installed()
    known = {row.request_id for row in stage.gateway.rows()}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        job = Job(stage, ALIAS, Path(home))
        job.folder.mkdir()
        (job.folder / _FILE).write_text("The gate stands in the mountains. " * 500)
        connect(job, str(client.tool))
        calls = 0
        for prompt in _prompts(client, job.folder):
            command = [*client.start(folder, job, prompt)]
            command += ["--file", _FILE] if client.title == "aider" else []
            run(job, command, environment(client, folder), cancel=False)
            calls += len(asked(stage.clouds))
    rows = until("the rows", lambda: _rows(stage, known, calls))
    return _sum(client.title, [row for row in rows if row.gen_ai_request_model == ALIAS])


def _prompts(client: Client, folder: Path) -> Iterable[str]:
    if client.writes is None:
        return ("Say it. [[sim:chunks 5]]", "Say more. [[sim:chunks 6]]")
    return (f"Write it. {client.writes(folder / 'one.txt', 'written')}",)


def _rows(stage: Stage, known: set[str], least: int) -> list[Record]:
    rows = [row for row in stage.gateway.rows() if row.request_id not in known]
    return rows if len(rows) >= least else []


def _sum(client: str, rows: list[Record]) -> Saving:
    rows.sort(key=lambda row: row.start_time)
    given = sum(row.gen_ai_usage_input_tokens or 0 for row in rows)
    made = sum(row.gen_ai_usage_output_tokens or 0 for row in rows)
    return Saving(
        client,
        len(rows),
        given,
        rows[-1].gen_ai_usage_cache_read_input_tokens or 0,
        sum((row.billed_cost or Decimal(0) for row in rows), Decimal(0)),
        given * _IN + made * _OUT,
    )


def markdown(found: Iterable[Saving]) -> str:
    """The table for docs/clients.md."""
    lines = [
        "| Client | Requests | Tokens in | Read from the cache by the last | Cost, USD | "
        "Without caching | Saved |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in found:
        share = 100 * (1 - one.cost / one.plain)
        counts = f"{one.requests} | {one.tokens:,} | {one.read:,}"
        lines.append(
            f"| {one.client} | {counts} | {one.cost:.5f} | {one.plain:.5f} | {share:.0f} % |"
        )
    return "\n".join([*lines, ""])
