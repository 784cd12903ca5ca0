"""`sekisho keys import` and `export`: many keys at once, all or none, and no key ever lost."""

import csv
import io
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from .keys_command import Places, done, issue, read, run

KEY = r"sk-sekisho-[0-9A-Za-z]{8}-[0-9A-Za-z]{43}"
COLUMNS = (
    "alias,kind,owner,team,models,budget_day,budget_month,budget_total,rpm,tpm,parallel,"
    "expires_at,networks,tags,mcp"
)
FULL = (
    f"{COLUMNS}\n"
    "hanako,person,Hanako@example.com,research,claude-* gpt-5,5,$100,,60,200k,4,2099-03-31,"
    '"10.0.0.0/8, 2001:db8::/32",prod;red,wiki calc\n'
    "\n"
    "ci,,,,,,,,,,,,,,\n"
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """An empty key store."""
    return Places(f"sqlite:///{tmp_path / 'keys.db'}")


@pytest.fixture
def both(database_url: str) -> Places:
    """An empty key store, of each kind."""
    return Places(database_url)


def load(places: Places, text: str, *words: str, shape: str = "csv") -> Any:
    """Import a text by stdin."""
    return run(places, "import", "-", "--format", shape, *words, stdin=text.encode())


def facts(places: Places) -> list[dict[str, Any]]:
    """What was said about each key, without what is new for each."""
    own = ("id", "prefix", "created_at", "created_by", "last_used_at", "spend")
    return [{k: v for k, v in key.items() if k not in own} for key in read(places, "list")]


def test_import_issues_a_key_for_each_line(both: Places) -> None:
    """Each new key is printed once, beside its alias; the fields are those of the file."""
    result = load(both, FULL)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(rf"hanako\t{KEY}\nci\t{KEY}\n", result.stdout)
    assert result.stderr == "2 keys issued.\n"
    ci, hanako = sorted(read(both, "list"), key=lambda key: key["alias"])
    assert (ci["kind"], ci["owner"], ci["models"], ci["expires_at"]) == ("service", None, [], None)
    assert hanako["kind"] == "person"
    assert hanako["owner"] == "hanako@example.com"
    assert hanako["team"] == "research"
    assert hanako["models"] == ["claude-*", "gpt-5"]
    assert hanako["limits"] == {
        "rpm": 60,
        "tpm": 200_000,
        "parallel": 4,
        "budget_day": "5",
        "budget_month": "100",
        "budget_total": None,
    }
    assert hanako["expires_at"] == "2099-03-31T00:00:00Z"
    assert hanako["networks"] == ["10.0.0.0/8", "2001:db8::/32"]
    assert hanako["tags"] == ["prod", "red"]
    assert (hanako["mcp"], ci["mcp"]) == (["wiki", "calc"], [])
    history = read(both, "show", "hanako", "--history")["history"]
    assert [change["action"] for change in history] == ["import"]


def test_import_reads_json_lines(both: Places) -> None:
    """Lists as lists or as text, figures as figures; money is exact."""
    lines = [
        {"alias": "a", "models": ["claude-*", "gpt-5"], "budget_day": 0.1, "rpm": 60, "team": None},
        {"alias": "b", "owner": "b@example.com", "tags": "x y", "expires": "90d"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    result = load(both, text, shape="jsonl")
    assert result.exit_code == 0, result.output
    a, b = read(both, "list")
    assert (a["models"], a["limits"]["budget_day"], a["limits"]["rpm"]) == (
        ["claude-*", "gpt-5"],
        "0.1",
        60,
    )
    assert (b["kind"], b["tags"]) == ("person", ["x", "y"])
    assert b["expires_at"] is not None


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffAlias,Budget Month\r\n山田,50\r\n".encode(),
        "alias;budget_month\n山田;50\n".encode(),
        'budget_month,alias\n50," 山田 "'.encode(),
    ],
    ids=["excel", "semicolons", "no-end"],
)
def test_import_reads_what_spreadsheets_write(places: Places, data: bytes) -> None:
    """A byte order mark, CRLF, capitals, semicolons: all the same to us."""
    done(places, "import", "-", "--format", "csv", stdin=data)
    (key,) = read(places, "list")
    assert (key["alias"], key["limits"]["budget_month"]) == ("山田", "50")


def test_the_format_is_the_name_s_end(places: Places, tmp_path: Path) -> None:
    """A file by its path; a name that says nothing needs --format."""
    (tmp_path / "team.csv").write_text("alias\na\n")
    done(places, "import", str(tmp_path / "team.csv"))
    (tmp_path / "team.txt").write_text("alias\nb\n")
    result = run(places, "import", str(tmp_path / "team.txt"))
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {tmp_path / 'team.txt'}: what format is this? Add --format csv or --format "
        "jsonl\n",
    )
    assert run(places, "import", str(tmp_path / "none.csv")).stderr == (
        f"Error: {tmp_path / 'none.csv'}: No such file or directory\n"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"alias,ownr\na,b\n", "line 1: unknown column 'ownr': did you mean owner?"),
        (b"alias,alias\na,b\n", "there are two columns alias; leave one out"),
        (b"alias,expires,expires_at\n", "there are two columns expires_at; leave one out"),
        (
            b"owner\nb\n",
            f"there is no column alias; the first line names them: {COLUMNS}",
        ),
        (b'alias\n"a\n', "line 2: unexpected end of data"),
        (
            "alias\n山田\n".encode("shift_jis"),
            "the file is not UTF-8; from Excel, save it as 'CSV UTF-8'",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(places: Places, data: bytes, message: str) -> None:
    """Used wrongly: one line that says what is wrong with the file."""
    result = run(places, "import", "-", "--format", "csv", stdin=data)
    assert (result.exit_code, result.stderr, result.stdout) == (2, f"Error: {message}\n", "")


def test_every_wrong_line_is_told_and_nothing_is_written(both: Places) -> None:
    """All mistakes at once, each with its line, those of the store's rules included."""
    issue(both, "--alias", "there")
    text = (
        "alias,kind,owner,rpm,budget_day,expires,networks,models\n"
        "good,,,,,,,\n"
        "bad-rpm,,,fast,,,,\n"
        "bad-money,,,,-1,,,\n"
        "past,,,,,2020-01-01,,\n"
        "net,,,,,,10.0.0.0/99,\n"
        "robot,machine,,,,,,\n"
        "nobody,person,,,,,,\n"
        ",,,5,,,,\n"
        "good,,,,,,,\n"
        "there,,,,,,,\n"
        "long,,,,,,,claude-*,gpt-5\n"
        "mail,,alice,,,,,\n"
    )
    result = load(both, text)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert sorted(result.stderr.splitlines()) == sorted(
        [
            "line 3: rpm 'fast': write a whole number, as 60, 200k or 1.5m",
            "line 4: budget_day '-1': write USD, as 50 or 0.25, without commas",
            "line 5: expiry 2020-01-01T00:00:00+00:00 has passed; name a later time",
            "line 6: network '10.0.0.0/99': write 10.1.0.0/16, 2001:db8::/32 or one address",
            "line 7: kind 'machine': must be one of person, service, frontend",
            "line 8: a person's key needs its owner: add --owner EMAIL",
            "line 9: there is no alias",
            "line 10: line 2 has the alias good, too",
            "line 11: a key named there exists; leave such lines out with --skip-existing",
            "line 12: 9 cells under 8 columns; put cells with commas into double quotes",
            "line 13: owner alice: must be an e-mail address",
            "Error: nothing was imported: 11 lines must be mended first",
        ]
    )
    assert [key["alias"] for key in read(both, "list")] == ["there"]


def test_wrong_json_lines_are_told(places: Places) -> None:
    """What isn't an object with an alias, and fields that nobody knows."""
    result = load(
        places, '{"alias": "a"}\n[1]\n{"alias"\n{"rpm": 5}\n{"alias": true}', shape="jsonl"
    )
    assert result.stderr == (
        "line 2: not a JSON object; one object a line, as export writes\n"
        "line 3: not a JSON object; one object a line, as export writes\n"
        "line 4: there is no alias\n"
        "line 5: alias must be a text, a number or a list\n"
        "Error: nothing was imported: 4 lines must be mended first\n"
    )
    result = load(places, '{"alias": "a", "modles": "x"}', shape="jsonl")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: line 1: unknown column 'modles': did you mean models?\n",
    )
    assert read(places, "list") == []


def test_of_very_many_wrong_lines_twenty_are_told(places: Places) -> None:
    """The rest is a number, in place of a screen full."""
    result = load(places, "alias,rpm\n" + "a,x\n" * 50)
    lines = result.stderr.splitlines()
    assert len(lines) == 22
    assert lines[20] == "... and 30 lines more"
    assert lines[21] == "Error: nothing was imported: 50 lines must be mended first"


def test_skip_existing_and_dry_run(both: Places) -> None:
    """A list that grew can be imported again; a dry run tells what would be done."""
    issue(both, "--alias", "a")
    text = "alias\na\nb\n"
    result = load(both, text, "--skip-existing", "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "1 key would be issued; nothing was written. 1 line left out: its alias has a key.\n"
    )
    assert [key["alias"] for key in read(both, "list")] == ["a"]
    result = load(both, text, "--skip-existing")
    assert re.fullmatch(rf"b\t{KEY}\n", result.stdout)
    assert result.stderr == "1 key issued. 1 line left out: its alias has a key.\n"


def test_the_alias_of_a_revoked_key_is_free(both: Places) -> None:
    """As with issue."""
    issue(both, "--alias", "a")
    done(both, "revoke", "a")
    assert load(both, "alias\na\n").exit_code == 0


def test_keys_to_a_file_of_one_s_own(places: Places, tmp_path: Path) -> None:
    """The new file has mode 0600 from the first moment, and stdout has no key."""
    target = tmp_path / "new.csv"
    result = load(places, "alias,owner\na,a@example.com\n=b,\n", "--keys-to", str(target))
    assert (result.exit_code, result.stdout) == (0, "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert re.fullmatch(
        rf"alias,owner,key\na,a@example\.com,{KEY}\n'=b,,{KEY}\n", target.read_text()
    )


def test_keys_to_never_overwrites(places: Places, tmp_path: Path) -> None:
    """A file that is there stays, and no key is issued."""
    target = tmp_path / "old.csv"
    target.write_text("precious")
    result = load(places, "alias\na\n", "--keys-to", str(target))
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: {target} exists; --keys-to only writes a new file, name another\n",
    )
    assert target.read_text() == "precious"
    assert read(places, "list") == []


def test_keys_to_a_place_that_can_t_be_written(places: Places, tmp_path: Path) -> None:
    """Found before any key is issued."""
    result = load(places, "alias\na\n", "--keys-to", str(tmp_path / "none" / "new.csv"))
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path}/none/new.csv: No such file or directory\n"
    assert read(places, "list") == []


def test_a_refused_import_leaves_no_file(places: Places, tmp_path: Path) -> None:
    """Nor does a dry run."""
    target = tmp_path / "new.csv"
    load(places, "alias,rpm\na,x\n", "--keys-to", str(target))
    load(places, "alias\na\n", "--keys-to", str(target), "--dry-run")
    assert not target.exists()


def test_keys_that_can_t_be_written_are_printed(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full after the keys were issued loses none of them."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = load(places, "alias\na\n", "--keys-to", str(tmp_path / "new.csv"))
    assert result.exit_code == 0
    assert re.fullmatch(rf"a\t{KEY}\n", result.stdout)
    assert result.stderr == (
        f"{tmp_path / 'new.csv'}: No space left on device. The keys were issued; this is the only "
        "time they are shown:\n1 key issued.\n"
    )


def fill(places: Places) -> None:
    """Keys with all that can be said, some of it nasty."""
    issue(
        places,
        *("--alias", "=cmd|' /C calc'!A0", "--owner", "a@example.com", "--team", "@team, one"),
        *("--models", "claude-*,gpt-5", "--budget", "0.000000000001/day", "--budget", "50"),
        *("--rpm", "60", "--tpm", "200k", "--parallel", "4", "--tag", "-x", "--tag", "a=b"),
        *("--allow-ip", "10.0.0.0/8", "--allow-ip", "2001:db8::/32", "--expires", "90d"),
    )
    issue(places, "--alias", "'=quoted", "--team", "+1")
    issue(places, "--alias", '"double", 山田', "--budget", "1000/total", "--kind", "frontend")


@pytest.mark.parametrize("shape", ["csv", "jsonl"])
def test_export_and_import_give_the_same_keys(both: Places, tmp_path: Path, shape: str) -> None:
    """All that was said of each key survives the way to another installation, secrets don't."""
    fill(both)
    exported = done(both, "export", "--format", shape)
    other = Places(f"sqlite:///{tmp_path / 'other.db'}")
    assert load(other, exported, shape=shape).exit_code == 0
    assert facts(other) == sorted(facts(both), key=lambda key: str(key["alias"]))
    assert len(facts(other)) == 3
    ids = {key["id"] for key in read(both, "list")}
    assert ids.isdisjoint(key["id"] for key in read(other, "list"))


def test_export_has_columns_secrets_it_has_not(both: Places) -> None:
    """The header names what import knows and what is told beside it; no key, no hash."""
    issued = issue(both, "--alias", "=evil", "--owner", "a@example.com")
    exported = done(both, "export")
    assert exported.splitlines()[0] == (
        f"{COLUMNS},id,prefix,state,created_at,created_by,blocked_at,revoked_at,last_used_at,"
        "spent_day,spent_month,spent_total"
    )
    (row,) = csv.DictReader(io.StringIO(exported))
    assert (row["alias"], row["state"], row["spent_day"]) == ("'=evil", "active", "0")
    assert issued["key"][20:] not in exported
    assert not re.search(r"[0-9a-f]{64}", exported)


def test_export_to_a_file(places: Places, tmp_path: Path) -> None:
    """The format is its name's end; it has people's addresses, so others can't read it."""
    issue(places, "--alias", "a", "--rpm", "5")
    target = tmp_path / "keys.jsonl"
    target.write_text("of yesterday")
    result = run(places, "export", str(target))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"1 key written to {target}, without secrets.\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    found = json.loads(target.read_text())
    assert (found["alias"], found["rpm"], found["models"]) == ("a", 5, [])
    assert {path.name for path in tmp_path.iterdir()} >= {"keys.jsonl", "keys.db"}
    assert not list(tmp_path.glob(".keys.jsonl*"))


def test_export_all_has_what_is_gone_and_import_leaves_it_gone(
    both: Places, tmp_path: Path
) -> None:
    """Revoked keys are told with --all alone, and never come back by an import."""
    for alias in ("live", "stopped", "gone"):
        issue(both, "--alias", alias)
    done(both, "block", "stopped")
    done(both, "revoke", "gone")
    assert {row["alias"] for row in csv.DictReader(io.StringIO(done(both, "export")))} == {
        "live",
        "stopped",
    }
    everything = done(both, "export", "--all")
    assert {row["alias"] for row in csv.DictReader(io.StringIO(everything))} == {
        *("live", "stopped", "gone")
    }
    other = Places(f"sqlite:///{tmp_path / 'other.db'}")
    result = load(other, everything)
    assert result.stderr == (
        "2 keys issued. 1 line left out: revoked or expired there. 1 key was blocked there and "
        "isn't here: see 'sekisho keys block'.\n"
    )
    assert {key["alias"] for key in read(other, "list", "--all")} == {"live", "stopped"}
