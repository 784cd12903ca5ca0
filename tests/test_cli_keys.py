"""`sekisho keys`, as operators and their scripts see it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sekisho import settings
from sekisho.cli import output
from sekisho.cli.keys import keys
from sekisho.keys.check import Keyring
from sekisho.keys.identity import Identity
from sekisho.keys.store import Store

KEY = re.compile(r"sk-sekisho-[0-9A-Za-z]{8}-[0-9A-Za-z]{43}")


@dataclass(frozen=True)
class Places:
    """The part of the settings that the commands use."""

    database_url: str
    lake: str
    spool: Path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """An empty home."""
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    return Places(url, (tmp_path / "lake").as_uri(), tmp_path / "spool")


def run(places: Places, *words: str) -> Result:
    """One command."""
    return CliRunner().invoke(keys, words, obj=places)


def issue(places: Places, *words: str) -> dict[str, Any]:
    """A key issued with --json."""
    result = run(places, "issue", "--json", *words)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


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
    with Store(places.database_url) as store:
        identity = Keyring(store).check(issued["key"], datetime.now(UTC))
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
    for words in (["list"], ["list", "--json"], ["show", "alice", "--history", "--json"]):
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
    listed = json.loads(run(places, "list", "--json").stdout)
    assert [(key["alias"], key["state"]) for key in listed] == [
        ("a-blocked", "blocked"),
        ("b-revoked", "revoked"),
        ("c-active", "active"),
    ]
    table = run(places, "list").stdout
    assert re.search(
        r"^a-blocked +key_\w+ +sk-sekisho-\w{8} +service +- +- +all +blocked", table, re.MULTILINE
    )


def test_an_empty_list_says_what_to_do(places: Places) -> None:
    """Without keys the table is a hint, and the JSON an empty list."""
    assert run(places, "list").stdout == (
        "No keys yet. Issue one with: sekisho keys issue --alias NAME\n"
    )
    assert json.loads(run(places, "list", "--json").stdout) == []


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
            "Error: --models is empty; leave it out to allow every model",
        ),
        (["block", "alice", "--by", " "], 2, "Error: --by must be 1 to 128 printable characters"),
    ],
)
def test_errors_are_one_line_and_say_what_to_type(
    places: Places, words: list[str], code: int, message: str
) -> None:
    """Exit code 1 when the answer is no, 2 when used wrongly; one line on stderr."""
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


def test_a_corrupt_store_is_one_line(places: Places, tmp_path: Path) -> None:
    """No traceback when the database is none."""
    (tmp_path / "keys.db").write_bytes(b"rubbish" * 1000)
    result = run(places, "list")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: key store {tmp_path / 'keys.db'}: file is not a data")
    assert result.stderr.count("\n") == 1


def test_an_alias_cannot_steer_the_terminal_or_the_table(places: Places) -> None:
    """What looks like markup is printed as it is."""
    issue(places, "--alias", "[red]a[/red]")
    assert "[red]a[/red]" in run(places, "list").stdout


def test_the_real_settings_are_what_the_commands_take(tmp_path: Path) -> None:
    """`sekisho.settings.Settings` has what these commands use, by type and in use."""
    found: output.Places = settings.load({"home": str(tmp_path)}, environ={})
    result = CliRunner().invoke(keys, ["issue", "--alias", "alice"], obj=found)
    assert result.exit_code == 0
    assert (tmp_path / "keys.db").is_file()


def test_as_a_real_process_it_starts_fast_and_needs_no_litellm(tmp_path: Path) -> None:
    """The commands load neither LiteLLM, DuckDB nor SQLAlchemy before they need them."""
    script = (
        "import sys\n"
        "import sekisho.cli.keys, sekisho.cli.usage, sekisho.cli.logs\n"
        "print(sorted({'litellm', 'duckdb', 'sqlalchemy', 'rich'} & set(sys.modules)))\n"
        "sekisho.cli.keys.keys(['--help'])\n"
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
    for verb in ("issue", "list", "show", "block", "unblock", "revoke"):
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE)
