"""The simulator's own manners: timing, journal, script, and how it starts and ends."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .gateway import until
from .simulators import Simulator
from .simulators.script import ScriptError, from_text


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """One simulator for the whole file."""
    with Simulator.start() as simulator:
        yield simulator


CHAT = "/openai/deployments/gpt-4.1/chat/completions"


def asked(text: str, stream: bool = False) -> dict[str, Any]:
    """The body of a chat request."""
    return {"messages": [{"role": "user", "content": text}], "stream": stream}


def chat(sim: Simulator, text: str, stream: bool = False) -> httpx.Response:
    """A chat request, answered to its end."""
    return httpx.post(sim.url + CHAT, json=asked(text, stream))


def test_slow_waits_before_the_answer(sim: Simulator) -> None:
    """`slow` keeps the client waiting for the first byte."""
    began = time.monotonic()
    chat(sim, "[[sim:slow 0.3]]")
    assert 0.3 <= time.monotonic() - began < 3


def test_chunks_are_spread_over_time(sim: Simulator) -> None:
    """`chunks` with a delay sends so many pieces, one after the other."""
    began = time.monotonic()
    answer = chat(sim, "[[sim:chunks 10 delay=0.03]]", stream=True).text
    assert 0.3 <= time.monotonic() - began < 3
    assert answer.count('"content": "word') == 10


def test_journal_sees_a_client_that_leaves(sim: Simulator) -> None:
    """A client that hangs up in the middle leaves an entry that is not complete."""
    sim.clear()
    body = asked("[[sim:chunks 200 delay=0.01]]", stream=True)
    with httpx.stream("POST", sim.url + CHAT, json=body) as response:
        next(response.iter_bytes())
    chat(sim, "Hello")
    journal = until("it to notice", lambda: (j := sim.journal()) and j[0]["left"] and j)
    assert [entry["complete"] for entry in journal] == [False, True]
    assert [entry["status"] for entry in journal] == [200, 200]
    gone, stayed = journal
    assert 0 <= gone["left"] - gone["at"] < 3
    assert stayed["left"] is None


def test_journal_sees_a_client_leave_before_the_answer(sim: Simulator) -> None:
    """A client that doesn't wait for a slow answer has left when it went, not when that came."""
    sim.clear()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(sim.url + CHAT, json=asked("[[sim:slow 30]]"), timeout=0.2)
    (entry,) = until("the entry to tell it", lambda: [e for e in sim.journal() if e["left"]])
    assert 0.2 <= entry["left"] - entry["at"] < 3
    assert (entry["status"], entry["complete"]) == (None, False)


def test_a_cut_is_no_leaving(sim: Simulator) -> None:
    """A connection that the simulator cuts off was not left by the client."""
    sim.clear()
    with pytest.raises(httpx.RemoteProtocolError):
        chat(sim, "[[sim:cut 0]]")
    assert [entry["left"] for entry in sim.journal()] == [None]


def test_unknown_behaviour_is_refused(sim: Simulator) -> None:
    """A typo in a queued behaviour or a directive is an error, not a normal answer."""
    with pytest.raises(ScriptError, match="unknown in a behaviour: statsu"):
        sim.script({"statsu": 429})
    answer = chat(sim, "[[sim:sloow 1]]")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "unknown in a behaviour: sloow"
    with pytest.raises(ScriptError, match="unknown in a behaviour: inputs"):
        from_text("[[sim:usage inputs=1]]")


def test_unknown_path_is_404_and_journaled(sim: Simulator) -> None:
    """A path that no simulated cloud has is answered 404, and the journal shows it."""
    assert httpx.get(f"{sim.url}/v9/nothing").status_code == 404
    assert sim.journal()[-1]["path"] == "/v9/nothing"


def test_the_process_ends_with_its_block() -> None:
    """After the block the port is closed and the service account is gone."""
    with Simulator.start() as short_lived:
        assert short_lived.service_account_file.exists()
        url = short_lived.url
    assert not short_lived.service_account_file.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_journal")


def test_tool_arguments_as_base64() -> None:
    """The arguments of a tool may be base64, which no client changes."""
    behaviour = from_text("[[sim:tool write=b64:eyJwYXRoIjogIltbYV1dIn0=]] [[sim:chunks 3]]")
    assert behaviour.tool == (("write", {"path": "[[a]]"}),)
    assert behaviour.chunks == 3
