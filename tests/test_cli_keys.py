"""`sekisho keys`, as operators and their scripts see it."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from click.testing import CliRunner
from sekisho import settings
from sekisho.cli.keys.commands import keys
from sekisho.cli.keys.store import KeyPlaces
from sekisho.keys.check import decide
from sekisho.keys.identity import Identity, Refusal
from sekisho.keys.migrations.versions import v0001_keys
from sekisho.keys.secret import hash_key
from sekisho.keys.store import Store
from sqlalchemy import create_engine, text

from .gateway import sekisho
from .keys_command import Places, issue, read, run

KEY = re.compile(r"sk-sekisho-[0-9A-Za-z]{8}-[0-9A-Za-z]{43}")


@pytest.fixture
def places(database_url: str) -> Places:
    """An empty key store."""
    return Places(database_url)


def check(places: Places, key: str) -> Identity | Refusal:
    """What the gate says to a key."""
    with Store(places.database_url) as store:
        return decide(store.find_by_hash(hash_key(key)), datetime.now(UTC))


def test_issue_prints_the_key_alone_on_stdout(places: Places) -> None:
    """KEY=$(sekisho keys issue ...) works; what people should know stands on stderr."""
    result = run(places, "issue", "--alias", "alice", "--owner", "alice@example.com")
    assert result.exit_code == 0
    assert KEY.fullmatch(result.stdout.strip())
    assert re.fullmatch(
        r"Issued alice \(key_[0-9a-f]{12}, person\), expires never\. This is the only time the "
        r"key is shown:\n",
        result.stderr,
    )


def test_issue_json_is_one_object_that_works_at_the_gate(places: Places) -> None:
    """The object has key, id, alias and all that was said, and the key is good."""
    issued = issue(
        places,
        *("--alias", "ci", "--team", "platform", "--models", "Claude-*, gpt-5"),
        *("--kind", "frontend", "--expires", "2099-03-31", "--by", "root"),
    )
    assert KEY.fullmatch(issued["key"])
    assert issued["alias"] == "ci"
    assert issued["id"].startswith("key_")
    assert (issued["kind"], issued["team"], issued["owner"]) == ("frontend", "platform", None)
    assert issued["models"] == ["claude-*", "gpt-5"]
    assert issued["expires_at"] == "2099-03-31T00:00:00Z"
    assert (issued["state"], issued["created_by"]) == ("active", "root")
    identity = check(places, issued["key"])
    assert isinstance(identity, Identity)
    assert identity.key_id == issued["id"]


def test_expires_in_days_counts_from_now(places: Places) -> None:
    """--expires 90d is ninety times 24 hours ahead."""
    issued = issue(places, "--alias", "a", "--expires", "90d")
    left = datetime.fromisoformat(issued["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=90) - timedelta(minutes=1) < left <= timedelta(days=90)


def test_the_key_is_shown_only_once(places: Places) -> None:
    """Neither lists nor details ever show a key or its hash again."""
    issued = issue(places, "--alias", "alice")
    secret_part = issued["key"][20:]
    for words in (
        ["list"],
        ["list", "--json"],
        ["show", "alice", "--history", "--json"],
        ["export"],
    ):
        result = run(places, *words)
        assert result.exit_code == 0
        assert "sk-sekisho-" + issued["key"][11:19] in result.output
        assert secret_part not in result.output


def test_list_shows_states(places: Places) -> None:
    """The list has each key with what it is now, as a table and as JSON."""
    for alias in ("a-blocked", "b-revoked", "c-active"):
        issue(places, "--alias", alias)
    run(places, "block", "a-blocked")
    run(places, "revoke", "b-revoked")
    listed = read(places, "list", "--all")
    assert [(key["alias"], key["state"]) for key in listed] == [
        ("a-blocked", "blocked"),
        ("b-revoked", "revoked"),
        ("c-active", "active"),
    ]
    table = run(places, "list").stdout
    assert re.search(
        r"^a-blocked +key_\w+ +sk-sekisho-\w{8} +service +- +- +all +blocked", table, re.MULTILINE
    )
    assert "b-revoked" not in table


def test_block_unblock_revoke_take_any_name(places: Places) -> None:
    """Keys are changed by id, alias, public part or the key itself, and each change is noted."""
    issued = issue(places, "--alias", "alice", "--by", "root")
    assert run(places, "block", issued["id"], "--by", "bob").stdout == (
        f"alice ({issued['id']}) is blocked.\n"
    )
    assert run(places, "unblock", issued["prefix"], "--by", "bob").exit_code == 0
    assert run(places, "revoke", issued["key"], "--by", "eve").exit_code == 0
    shown = json.loads(run(places, "show", "alice", "--history", "--json").stdout)
    assert shown["state"] == "revoked"
    assert [(change["who"], change["action"]) for change in shown["history"]] == [
        ("root", "issue"),
        ("bob", "block"),
        ("bob", "unblock"),
        ("eve", "revoke"),
    ]


def test_rotate_at_once(places: Places) -> None:
    """The new key alone is on stdout and works; the old one doesn't, and all else is as before."""
    issued = issue(places, "--alias", "ci", "--rpm", "60", "--team", "platform")
    result = run(places, "rotate", "ci", "--by", "eve")
    assert result.exit_code == 0
    assert KEY.fullmatch(result.stdout.strip())
    assert result.stderr == (
        f"Rotated ci ({issued['id']}). The old key works no more. This is the only time the new "
        "one is shown:\n"
    )
    identity = check(places, result.stdout.strip())
    assert isinstance(identity, Identity)
    assert (identity.key_id, identity.limits.rpm, identity.team) == (issued["id"], 60, "platform")
    refusal = check(places, issued["key"])
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "rotated"
    history = read(places, "show", "ci", "--history")["history"]
    assert [(change["who"], change["action"]) for change in history][1:] == [("eve", "rotate")]


def test_rotate_with_grace(places: Places) -> None:
    """Until the stated time, both keys work."""
    issued = issue(places, "--alias", "ci")
    result = run(places, "rotate", issued["key"], "--grace", "24h")
    said = re.search(r"The old key works until (\S+ \S+) UTC\.", result.stderr)
    assert said is not None
    left = datetime.fromisoformat(f"{said[1]}+00:00") - datetime.now(UTC)
    assert timedelta(hours=23, minutes=58) < left <= timedelta(hours=24)
    assert isinstance(check(places, issued["key"]), Identity)
    assert isinstance(check(places, result.stdout.strip()), Identity)


def test_rotate_json(places: Places) -> None:
    """One object, as of issue."""
    issued = issue(places, "--alias", "ci")
    rotated = read(places, "rotate", "ci")
    assert (rotated["id"], rotated["alias"]) == (issued["id"], "ci")
    assert KEY.fullmatch(rotated["key"])
    assert rotated["key"].startswith(rotated["prefix"])


def test_rotate_of_a_revoked_key_is_refused(places: Places) -> None:
    """What is gone for ever gets no new secret."""
    issued = issue(places, "--alias", "ci")
    run(places, "revoke", "ci")
    result = run(places, "rotate", issued["id"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: ci ({issued['id']}) was revoked")


def test_history_as_a_table(places: Places) -> None:
    """People read who did what under the key's fields; default is the user of the machine."""
    issue(places, "--alias", "alice", "--team", "research")
    shown = run(places, "show", "alice", "--history").stdout
    assert re.search(r"^team +research", shown, re.MULTILINE)
    assert re.search(r"issue +alias=alice, kind=service, team=research", shown)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["show", "alcie"], 1, 'Error: no key goes by "alcie"; did you mean alice?'),
        (["revoke", "zzzzz"], 1, 'Error: no key goes by "zzzzz"; see: sekisho keys list'),
        (
            ["issue", "--alias", "alice"],
            1,
            "Error: a key named alice exists; choose another alias, or first: sekisho keys revoke "
            "alice",
        ),
        (
            ["issue", "--alias", "b", "--kind", "person"],
            1,
            "Error: a person's key needs its owner: add --owner EMAIL",
        ),
        (
            ["issue", "--alias", "b", "--expires", "soon"],
            2,
            "Error: --expires 'soon': write a duration (30m, 24h, 90d, 2w), a date (2027-03-31) "
            "or a time (2027-03-31T12:00Z, UTC)",
        ),
        (
            ["issue", "--alias", "b", "--models", " , "],
            2,
            "Error: --models is empty; write all to allow every model",
        ),
        (
            ["rotate", "alice", "--grace", "soon"],
            2,
            "Error: --grace 'soon': write a duration (30m, 24h, 7d, 2w), or 0 for none",
        ),
        (["block", "alice", "--by", " "], 2, "Error: --by must be 1 to 128 printable characters"),
    ],
)
def test_errors_are_one_line_and_say_what_to_type(
    tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    """Exit code 1 when the answer is no, 2 when used wrongly; one line on stderr."""
    places = Places(f"sqlite:///{tmp_path / 'keys.db'}")
    issue(places, "--alias", "alice")
    result = run(places, *words)
    assert (result.exit_code, result.stderr, result.stdout) == (code, message + "\n", "")


def test_an_expiry_in_the_past_is_refused(places: Places) -> None:
    """A key that could never be used isn't issued."""
    result = run(places, "issue", "--alias", "a", "--expires", "2020-01-01")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: expiry 2020-01-01T00:00:00+00:00 has passed; name a later time\n"
    )


def test_a_corrupt_store_is_one_line(tmp_path: Path) -> None:
    """No traceback when the database is none."""
    (tmp_path / "keys.db").write_bytes(b"rubbish" * 1000)
    result = run(Places(f"sqlite:///{tmp_path / 'keys.db'}"), "list")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: key store {tmp_path / 'keys.db'}: file is not a data")
    assert result.stderr.count("\n") == 1


def test_an_alias_cannot_steer_the_terminal_or_the_table(places: Places) -> None:
    """What looks like markup is printed as it is."""
    issue(places, "--alias", "[red]a[/red]")
    assert "[red]a[/red]" in run(places, "list").stdout


def test_the_real_settings_are_what_the_commands_take(tmp_path: Path) -> None:
    """`sekisho.settings.Settings` has what these commands use, by type and in use."""
    found: KeyPlaces = settings.load({"home": str(tmp_path)}, environ={})
    result = CliRunner().invoke(keys, ["issue", "--alias", "alice"], obj=found)
    assert result.exit_code == 0
    assert (tmp_path / "keys.db").is_file()


def make_old_store(url: str) -> None:
    """A key store as Sekisho 0.1 left it, with a key."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            v0001_keys.upgrade()
        connection.execute(
            text(
                "INSERT INTO sekisho_keys (id, hash, prefix, alias, kind, models, created_at,"
                " created_by) VALUES ('key_000000000001', 'abc', 'sk-sekisho-AAAAAAAA', 'old',"
                " 'service', '[]', '2026-01-02 03:04:05.000000', 'root')"
            )
        )
    engine.dispose()


def test_migrate_brings_an_old_store_up_to_date(database_url: str) -> None:
    """Without it other commands say what to type; it tells from what to what, and keys stay."""
    make_old_store(database_url)
    old = Places(database_url)
    refused = run(old, "list")
    assert refused.exit_code == 1
    assert refused.stderr.endswith("then type: sekisho keys migrate\n")
    assert run(old, "migrate").stdout == "The key store was brought from version 0001 to 0003.\n"
    assert run(old, "migrate").stdout == "The key store is up to date (version 0003).\n"
    assert read(old, "migrate") == {"from": "0003", "to": "0003", "migrated": False}
    assert [(key["alias"], key["id"]) for key in read(old, "list")] == [("old", "key_000000000001")]


def test_migrate_says_what_is_wrong_with_a_store(tmp_path: Path) -> None:
    """What isn't just old is an error, as with other commands."""
    (tmp_path / "keys.db").write_bytes(b"rubbish" * 1000)
    result = run(Places(f"sqlite:///{tmp_path / 'keys.db'}"), "migrate")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "file is not a database" in result.stderr


def test_the_whole_command_line(home: Path, database_url: str) -> None:
    """`sekisho keys` as an operator types it, with either database."""
    variables = {"SEKISHO_DATABASE_URL": database_url, "SEKISHO_TIME_ZONE": "Asia/Tokyo"}

    def keys_command(*words: str) -> str:
        answer = sekisho(home, "keys", *words, variables=variables)
        assert answer.code == 0, answer.err
        return answer.out

    first = keys_command("issue", "--alias", "alice", "--budget", "50", "--budget-period", "day")
    assert KEY.fullmatch(first.strip())
    assert "rpm  none  ->  60" in re.sub(
        r" {3,}", "  ", keys_command("update", "alice", "--rpm", "60")
    )
    assert KEY.fullmatch(keys_command("rotate", "alice", "--grace", "1h").strip())
    assert "resets (Asia/Tokyo)" in keys_command("show", "alice", "--history")
    exported = keys_command("export", "--format", "jsonl")
    assert json.loads(exported)["budget_day"] == "50"
    (found,) = json.loads(keys_command("list", "--find", "ali", "--json"))
    assert found["time_zone"] == "Asia/Tokyo"
    assert "is up to date" in keys_command("migrate")


def test_as_a_real_process_it_starts_fast_and_needs_no_litellm(tmp_path: Path) -> None:
    """The commands load neither LiteLLM, DuckDB nor SQLAlchemy before they need them."""
    script = (
        "import sys\n"
        "import sekisho.cli.keys.commands, sekisho.cli.usage, sekisho.cli.logs\n"
        "print(sorted({'litellm', 'duckdb', 'sqlalchemy', 'rich'} & set(sys.modules)))\n"
        "sekisho.cli.keys.commands.keys(['--help'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.stdout.startswith("[]\nUsage: ")
    for verb in (
        *("issue", "list", "show", "update", "rotate", "block", "unblock", "revoke"),
        *("budgets", "import", "export", "migrate"),
    ):
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE)


def test_a_list_in_a_pipe_loads_little(tmp_path: Path) -> None:
    """What takes a while and isn't needed stays out: models, prices, tables for a terminal."""
    places = Places(f"sqlite:///{tmp_path / 'keys.db'}")
    issue(places, "--alias", "a")
    program = (
        "import sys; from sekisho.cli.main import main; main(standalone_mode=False)\n"
        "heavy = {'alembic', 'rich.table', 'sekisho.pricing', 'sekisho.providers.loader',"
        " 'sqlalchemy.dialects.postgresql', 'psycopg', 'litellm', 'duckdb'}\n"
        "print(sorted(heavy & {*sys.modules}))\n"
    )
    for words in (["list"], ["list", "--json"], ["show", "a"], ["budgets"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, "keys", *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
            env={**os.environ, "SEKISHO_HOME": str(tmp_path)},
        )
        assert done.stdout.splitlines()[-1] == "[]"
