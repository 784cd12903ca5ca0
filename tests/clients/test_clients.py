"""Claude Code and Codex work against the gateway: what `make test` tries of the matrix."""

from pathlib import Path

import pytest

from ..gateway import Gateway
from ..simulators import Simulator
from .installation import Missing, give_up
from .job import Stage
from .matrix import ROUTES, Cell, cells
from .roster import CLIENTS
from .scenarios import SCENARIOS
from .stage import unhandled

TRIED = [
    ("Claude Code", "Bedrock Claude, InvokeModel", ["plain", "two tools", "cancel"]),
    ("Claude Code", "Vertex Gemini", ["two tools"]),
    ("Codex", "Azure Responses", ["two tools", "429"]),
    ("Codex", "Vertex Claude", ["two tools"]),
]


@pytest.mark.parametrize(("client", "route", "wanted"), TRIED)
def test_client(
    clouds: Simulator, gateway: Gateway, key: str, client: str, route: str, wanted: list[str]
) -> None:
    """The client, set up by `sekisho connect`, manages these turns on this route."""
    (tried,) = [one for one in CLIENTS if one.title == client]
    (way,) = [one for one in ROUTES if one.title == route]
    scenarios = [one for one in SCENARIOS if one.name in wanted]
    try:
        found = list(cells(Stage(clouds, gateway, key), tried, way, scenarios))
    except Missing as missing:
        give_up(str(missing))
        return
    assert found == [Cell(client, route, name, None) for name in wanted]


def test_locks_name_no_registry() -> None:
    """The lock files say what is installed, not where from."""
    for path in Path(__file__).parent.glob("packages/**/*lock.json"):
        assert "://" not in path.read_text()


def test_an_exception_in_the_log_is_noticed() -> None:
    """What asyncio, the server and the gate say of an unhandled exception is found, no more."""
    told = [
        "Task exception was never retrieved",
        "Traceback (most recent call last):",
        "request req_0af7: KeyError at utils.py:12",
    ]
    harmless = "request req_0af7 is recorded without a cost\nready: http://127.0.0.1:4000"
    assert unhandled("\n".join([harmless, *told])) == told
