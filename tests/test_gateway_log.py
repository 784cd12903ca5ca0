"""The log of a real gateway: one row for each request, also when a worker is killed meanwhile."""

import os
import signal
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import httpx
import pytest
from sekisho.lake import codec
from sekisho.lake.record import Record
from sekisho.lake.spool import segments

from .gateway import Gateway, cloud_variables, sekisho, until
from .simulators import Simulator

CHAT = "/v1/chat/completions"
CLAIM = "who was cut off"


@dataclass(frozen=True)
class Story:
    """What became of the requests of a gateway that was stopped: fates by request id, as sent
    and as the lake has them, and the beginning of the one whose worker was killed.
    """

    sent: dict[str, tuple[str, str]]
    found: list[tuple[str, str, str | None]]
    killed: Record


def _ask(gateway: Gateway, key: str, words: str, **more: object) -> httpx.Response:
    """One request on a connection of its own, so that any worker may get it."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": words}], **more}
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(gateway.url + CHAT, json=body, headers=headers, timeout=60)


def _leave(gateway: Gateway, key: str) -> str:
    """A stream that its client leaves after the first piece."""
    words = "[[sim:chunks 200 delay=0.05]]"
    body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": words}]}
    with gateway.client(key) as client, client.stream("POST", CHAT, json=body) as answer:
        for _ in answer.iter_bytes():
            break
        return answer.headers["x-sekisho-request-id"]


def _beginnings(gateway: Gateway) -> list[Record]:
    """The requests with our claim that are on their way."""
    found = segments.find(gateway.home / "spool")
    lines = [line for one in found for line in segments.lines(segments.content(one))[0]]
    ended = {codec.decode(line).request_id for line in segments.rows(lines)}
    records = [codec.decode(line) for line in lines if segments.is_beginning(line)]
    claimed = [record for record in records if record.claimed_user == CLAIM]
    return [record for record in claimed if record.request_id not in ended]


def _kill_the_worker_of_a_slow_request(gateway: Gateway, key: str) -> Record:
    def ask() -> None:
        with suppress(httpx.TransportError):
            _ask(gateway, key, "[[sim:slow 30]]", user=CLAIM)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    (begun,) = until("the beginning of the slow request", lambda: _beginnings(gateway))
    assert begun.request_id not in {row.request_id for row in gateway.rows()}
    assert begun.gateway_instance is not None
    worker = int(begun.gateway_instance.rpartition("-")[2])
    assert worker in gateway.workers()
    os.kill(worker, signal.SIGKILL)
    asking.join(20)
    assert not asking.is_alive()
    until("another worker", lambda: len(gateway.workers() - {worker}) == 2)
    return begun


def _in_the_lake(home: Path) -> list[tuple[str, str, str | None]]:
    files = str(home / "lake" / "usage" / "dt=*" / "*.parquet")
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT request_id, status, payload_logged FROM read_parquet(?, union_by_name = true)",
            [files],
        ).fetchall()


@pytest.fixture(scope="module")
def story(clouds: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Requests of each fate to a gateway with two workers, one of which is killed."""
    home = tmp_path_factory.mktemp("log")
    sent: dict[str, tuple[str, str]] = {}

    def note(answer: httpx.Response, *fate: str) -> None:
        sent[answer.headers["x-sekisho-request-id"]] = (fate[0], fate[1])

    with Gateway.start(home, "--workers", "2", variables=cloud_variables(clouds)) as gateway:
        key = gateway.issue("hanako", owner="hanako@example.com", team="research")
        for number in range(6):
            note(_ask(gateway, key, f"hello {number}"), "success", "full")
            note(_ask(gateway, key, "hello", stream=True), "success", "full")
            note(_ask(gateway, key, "[[sim:status 400]]"), "failure", "full")
            note(_ask(gateway, key, "hello", model="gpt-nothing"), "refused", "none")
            note(_ask(gateway, key + "x", "hello"), "refused", "none")
            sent[_leave(gateway, key)] = ("cancelled", "full")
        killed = _kill_the_worker_of_a_slow_request(gateway, key)
        for number in range(4):
            note(_ask(gateway, key, f"after {number}"), "success", "full")
    flushed = sekisho(home, "logs", "flush")
    assert flushed.code == 0, flushed.err
    return Story(sent, _in_the_lake(home), killed)


def test_each_request_has_one_row(story: Story) -> None:
    """Answered, failed, refused, cancelled, cut off by a kill: exactly one row in the lake."""
    counted = Counter(request_id for request_id, _, _ in story.found)
    assert set(counted.values()) == {1}
    assert counted.keys() == story.sent.keys() | {story.killed.request_id}


def test_each_row_tells_what_became_of_it(story: Story) -> None:
    """The status of each row, and what the log has of what was said: nothing of a request that
    was refused.
    """
    found = {name: (status, logged) for name, status, logged in story.found}
    assert found.pop(story.killed.request_id) == ("interrupted", None)
    assert found == story.sent


def test_an_interrupted_request_is_known(story: Story) -> None:
    """The beginning says who asked what, when and where, and that it has no price."""
    one = story.killed
    assert (one.status, one.end_time, one.is_priced, one.billed_cost) == (
        "interrupted", None, False, None
    )  # fmt: skip
    assert (one.owner, one.team, one.api_key_alias, one.api_key_kind, one.end_user_id) == (
        "hanako@example.com", "research", "hanako", "person", "hanako@example.com"
    )  # fmt: skip
    assert (one.route, one.gen_ai_operation_name, one.gen_ai_request_model) == (
        CHAT, "chat", "gpt-4.1"
    )  # fmt: skip
    assert (one.gen_ai_request_stream, one.client_address) == (False, "127.0.0.1")
