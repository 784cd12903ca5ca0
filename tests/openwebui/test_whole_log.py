"""After all the others: nothing in the log that nobody did, nothing done that isn't in the log."""

import json
from collections import Counter

import pytest
from sekisho.lake.asking import reading
from sekisho.lake.asking.span import Span

from ..gateway import sekisho
from .ledger import told
from .stage import HANAKO, SERVER, TARO, Stage

pytestmark = pytest.mark.openwebui


def test_every_call_of_a_provider_has_a_row(world: Stage) -> None:
    """What the clouds were asked is what the log has: no call has gone around it."""
    logins = ("/token",)
    called = Counter(
        _operation(one["path"]) for one in world.clouds.journal() if one["path"] not in logins
    )
    called["chat"] += len(world.neighbours.journal("agent"))
    tried = Counter(
        row.gen_ai_operation_name
        for row in world.gateway.rows()
        for _ in row.attempts
        if row.gen_ai_operation_name != "mcp_tool_call"
    )
    assert called == tried


def test_no_provider_knows_anybody(world: Stage) -> None:
    """No name, e-mail address or id of a user is in anything that providers and tools were sent."""
    beside = [entry for place in ("agent", SERVER) for entry in world.neighbours.journal(place)]
    journals = [world.clouds.journal(), beside]
    assert beside != []
    sent = json.dumps(journals, ensure_ascii=False).lower()
    ids = [world.hanako.id, world.taro.id, world.chat.admin.id]
    words = [*HANAKO, *TARO, *(word for name in (HANAKO, TARO) for word in name[0].split())]
    encoded = [json.dumps(word)[1:-1] for word in words]
    mojibake = [word.encode().decode("latin-1") for word in words]
    marks = [*words, *encoded, *mojibake, *ids, "openwebui", "%e5%b1%b1", "open-webui"]
    assert [mark for mark in marks if mark.lower() in sent] == []


def test_every_row_of_the_lake(world: Stage) -> None:
    """In the lake every row has its end user: 0 are wrong, 0 are missing, 0 are too many.

    It comes last: it empties the spool, where the others look.
    """
    gateway, ledger = world.gateway, world.ledger
    ledger.begin()
    assert ledger.stray == [], told(ledger.stray)
    flushed = sekisho(gateway.home, "logs", "flush", variables=gateway.variables)
    assert flushed.code == 0, flushed.err
    sql = "SELECT request_id, end_user_id, end_user_email, end_user_name, end_user_source"
    found = reading.select(
        (gateway.home / "lake").as_uri(), gateway.home / "spool", f"{sql} FROM llm_usage", Span()
    )
    rows = {row[0]: tuple(row[1:]) for row in found.rows if row[0] not in ledger.aside}
    assert len(rows) + len(ledger.aside) == len(found.rows)
    wanted = {
        request: (person.id, person.email, person.name, world.mode)
        for request, person in ledger.owners.items()
    }
    assert rows == wanted
    assert len(rows) > 50


def _operation(path: str) -> str:
    """What a path of the simulator does: all others are chats, each cloud's in its own form."""
    return next((name for part, name in _OPERATIONS.items() if part in path), "chat")


_OPERATIONS = {
    "/responses": "responses",
    "/embeddings": "embeddings",
    "/images/generations": "image_generation",
    "/images/edits": "image_edit",
    "/audio/transcriptions": "transcription",
    "/audio/speech": "speech",
}
