"""Uploaded files, by vector search and in full."""

import pytest

from .chat import Json, texts
from .stage import MODEL, Stage

pytestmark = pytest.mark.openwebui

SECTIONS = 40
HANDBOOK = "\n\n".join(
    f"Section {n:02}. " + f"The gate of province {n:02} opens at dawn and closes at dusk. " * 9
    for n in range(SECTIONS)
)


def _sections(world: Stage) -> int:
    """How many sections of the handbook the provider was told in the last chat request."""
    chats = [one for one in world.clouds.journal() if one["path"].endswith("/chat/completions")]
    told = texts(chats[-1]["body"]["messages"])
    return sum(f"Section {n:02}." in told for n in range(SECTIONS))


def test_by_search_and_in_full(world: Stage) -> None:
    """By search the model sees a few sections; with the switch, the whole file in one request."""
    person = world.taro
    with world.ledger.expects(person, "embeddings", "embeddings"):
        file = person.upload("手引き.txt", HANDBOOK)
    with world.ledger.expects(person, "chat/query_generation", "embeddings", "chat"):
        _ask(world, file)
    assert 1 <= _sections(world) <= 5
    with world.ledger.expects(person, "chat"):
        _ask(world, file, filter_ids=["sekisho_full_document"])
    assert _sections(world) == SECTIONS


def test_a_file_of_somebody_else(world: Stage) -> None:
    """Who names another user's file gets nothing of it."""
    with world.ledger.expects(world.taro, "embeddings", "embeddings"):
        file = world.taro.upload("secret.txt", HANDBOOK)
    with world.ledger.expects(world.hanako, "chat"):
        world.hanako.ask(MODEL, "What opens?", files=[file], filter_ids=["sekisho_full_document"])
    assert _sections(world) == 0


def test_embeddings(world: Stage) -> None:
    """Open WebUI's own API of embeddings is booked on its caller."""
    body = {"model": "text-embedding-3-small", "input": ["関所", "gate"]}
    for person in (world.hanako, world.taro):
        with world.ledger.expects(person, "embeddings"):
            assert len(person.post("/api/embeddings", body)["data"]) == 2


def _ask(world: Stage, file: Json, **fields: object) -> None:
    world.taro.ask(MODEL, "When does the gate of province 07 open?", files=[file], **fields)
