"""What every client must manage on every route, and how that is seen."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .job import Outcome

# The words of the answer are not in the prompt, which some clients print.
_SHORT = 5
_LONG = 200
_ENDLESS = 4000
_MOST_ATTEMPTS = 16
_CONTEXT = (
    r"(?i)(too long|exceed|context[_ ]length|maximum context|too many tokens|ran out of room"
    r"|token limit)"
)

Writer = Callable[[Path, str], str]  # the directive for a tool call that writes a file


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prompt` gets the project's folder and how the client is made to write a file; `flaw` says
    what was wrong, None for nothing."""

    name: str
    prompt: Callable[[Path, Writer], str]
    flaw: Callable[[Outcome], str | None]
    with_tools: bool = False
    cancel: bool = False


def _plain(outcome: Outcome) -> str | None:
    return _says(outcome, _SHORT) or _clean(outcome)


def _streamed(outcome: Outcome) -> str | None:
    return _says(outcome, _LONG) or _clean(outcome)


def _tool(outcome: Outcome) -> str | None:
    return _wrote(outcome, "one.txt") or _clean(outcome)


def _parallel(outcome: Outcome) -> str | None:
    return _wrote(outcome, "one.txt") or _wrote(outcome, "two.txt") or _clean(outcome)


def _overflow(outcome: Outcome) -> str | None:
    if outcome.code == -9:
        return "did not end"
    if len(outcome.upstream) > _MOST_ATTEMPTS:
        return f"asked {len(outcome.upstream)} times"
    told = re.search(_CONTEXT, outcome.out)
    return None if told else f"does not tell: {outcome.last_words}"


def _retried(outcome: Outcome) -> str | None:
    refused = any(entry["status"] == 429 for entry in outcome.upstream)
    return _says(outcome, _SHORT) or (None if refused else "nothing was refused")


def _cancelled(outcome: Outcome) -> str | None:
    if not outcome.upstream:
        return f"never asked: {outcome.last_words}"
    for entry in outcome.upstream:
        if not entry["complete"] and entry["left"] is None:
            return "the clouds went on answering"
        if entry["left"] and entry["left"] - outcome.gone > 1.0:
            return f"left the clouds {entry['left'] - outcome.gone:.1f} s later"
    return None


def _says(outcome: Outcome, words: int) -> str | None:
    if re.search(rf"\bword{words}\b", outcome.out):
        return None
    return f"no answer: {outcome.last_words}"


def _wrote(outcome: Outcome, name: str) -> str | None:
    path = outcome.folder / name
    if path.exists() and path.read_text().strip() == "written":
        return None
    return f"{name} not written: {outcome.last_words}"


def _clean(outcome: Outcome) -> str | None:
    """Nothing was refused by a cloud, cut short, or asked that costs without need."""
    for entry in outcome.upstream:
        if entry["status"] != 200:
            return f"the cloud answered {entry['status']}"
        if entry["faults"]:
            return str(entry["faults"][0])
    return None if outcome.upstream else "never asked"


def _writes(folder: Path, write: Writer) -> str:
    return f"Write it. {write(folder / 'one.txt', 'written')}"


def _writes_two(folder: Path, write: Writer) -> str:
    return f"{_writes(folder, write)} {write(folder / 'two.txt', 'written')}"


SCENARIOS = (
    Scenario("plain", lambda *_: f"Say it. [[sim:chunks {_SHORT}]]", _plain),
    Scenario("stream", lambda *_: f"Say it. [[sim:chunks {_LONG} delay=0.005]]", _streamed),
    Scenario("tool", _writes, _tool, with_tools=True),
    Scenario("two tools", _writes_two, _parallel, with_tools=True),
    Scenario("overflow", lambda *_: "Say it. [[sim:overflow]]", _overflow),
    Scenario(
        "429",
        lambda *_: f"Say it. [[sim:status 429 retry_after=1 times=1]] [[sim:chunks {_SHORT}]]",
        _retried,
    ),
    Scenario(
        "cancel",
        lambda *_: f"Say it. [[sim:chunks {_ENDLESS} delay=0.05]]",
        _cancelled,
        cancel=True,
    ),
)
