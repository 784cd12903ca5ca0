"""`sekisho openwebui install` and `verify` against the real Open WebUI."""

import json

import pytest

from .stage import AGENT, MODEL, Stage

pytestmark = pytest.mark.openwebui


def test_first_install(world: Stage) -> None:
    """The first run says what it has made: connection (unless variables had), models, Functions."""
    assert world.installed.code == 0, world.installed.err
    lines = world.installed.out.splitlines()
    added = [line.split()[:2] for line in lines if line.split()[-1:] == ["added"]]
    functions = [name for what, name in added if what == "function"]
    assert sorted(functions) == [
        "sekisho_cost_line",
        "sekisho_full_document",
        "sekisho_user_to_gateway",
    ]
    assert ["model", MODEL] in added
    assert ["model", AGENT] in added
    connections = [line for line in lines if line.startswith("connection")]
    assert len(connections) == (1 if world.mode == "header" else 0)


def test_second_install(world: Stage) -> None:
    """A second run changes nothing, and says so."""
    again = world.openwebui("install")
    assert (again.code, again.out, again.err) == (0, "nothing to change\n", "")


def test_install_keeps_what_an_admin_has_set(world: Stage) -> None:
    """A description that an admin has rewritten stays."""
    admin = world.chat.admin
    row = admin.get(f"/api/v1/models/model?id={MODEL}")
    before = row["meta"]["description"]
    assert before.startswith("$0.10 in, $0.40 out per million tokens.")
    changed = {**row, "meta": {**row["meta"], "description": "Ask this one first."}}
    admin.post("/api/v1/models/model/update", changed)
    assert world.openwebui("install").out == "nothing to change\n"
    kept = admin.get(f"/api/v1/models/model?id={MODEL}")
    assert kept["meta"]["description"] == "Ask this one first."
    admin.post("/api/v1/models/model/update", row)


def test_users_see_the_models(world: Stage) -> None:
    """Both users may choose chat models and the agent."""
    for person in (world.hanako, world.taro):
        assert {MODEL, AGENT} <= set(person.models())


def test_a_token_that_is_no_admins(world: Stage) -> None:
    """With a user's token the command says whose is needed, in one line."""
    refused = world.openwebui("install", "--admin-token", world.hanako.token)
    assert refused.code == 1
    assert refused.out == ""
    assert refused.err.count("\n") == 1
    assert "admin" in refused.err


def test_verify(world: Stage) -> None:
    """A new user asks, and the log has the row under that user: every link of the chain holds."""
    world.ledger.begin()
    proven = world.openwebui("verify", "--json")
    checks = json.loads(proven.out)
    assert [check for check in checks if not check["ok"]] == []
    assert proven.code == 0
    assert checks[-1]["name"] == "end user"
    # That user is gone by now, so the ledger has no name for it.
    (row,) = world.ledger.new(1)
    assert (row.end_user_name, row.end_user_source) == ("関所 Check", world.mode)
    assert row.end_user_email is not None
    assert row.end_user_email.endswith("@sekisho.invalid")
    world.ledger.set_aside(row)
