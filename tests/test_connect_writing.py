"""`--write` and `--undo`: what was there is never lost, and comes back to the byte."""

import json
import os
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sekisho.connect import writing
from sekisho.connect.plan import File, Setting
from sekisho.connect.writing import WriteError

from .connected import HAIKU, KEY, NOVA, WITH_FILES, plan

Snapshot = dict[str, tuple[int, bytes | None]]


def snapshot(folder: Path) -> Snapshot:
    """Every file and folder below one, with mode and content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode & 0o777,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def write(*files: File) -> list[bool]:
    """Write; for each file whether it changed."""
    changes = writing.planned(files)
    for change in changes:
        writing.write(change)
    return [not change.is_none for change in changes]


def undo(*files: File) -> list[bool]:
    """Undo; for each file whether it went back exactly."""
    changes = writing.undoing(files)
    for change in changes:
        writing.undo(change)
    return [change.exact for change in changes]


def data(file: File) -> Any:
    """What a file says, read with the parser of its format."""
    text = file.path.read_text()
    if file.kind == "json":
        return json.loads(text)
    if file.kind == "env":
        return dict(line.split("=", 1) for line in text.splitlines())
    return tomllib.loads(text) if file.kind == "toml" else yaml.safe_load(text)


SETTINGS = (
    Setting(("env", "URL"), "http://x"),
    Setting(("env", "TOKEN"), KEY, secret=True),
    Setting(("version",), 1, once=True),
)
MINE = '{\n  // mine\n  "model": "opus",\n  "version": 7\n}\n'


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A client's file that isn't there yet, two folders deep."""
    return File(tmp_path / "a" / "b" / "settings.json", "json", SETTINGS)


@pytest.fixture
def mine(file: File) -> File:
    """The same with settings of the person's own, readable for all."""
    file.path.parent.mkdir(parents=True)
    file.path.write_text(MINE)
    file.path.chmod(0o644)
    return file


def test_a_new_file_is_private(file: File) -> None:
    """A file with a key in it is readable for its owner only, whatever the umask."""
    assert write(file) == [True]
    assert data(file) == {"env": {"URL": "http://x", "TOKEN": KEY}, "version": 1}
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_there_keeps_its_settings(mine: File) -> None:
    """Comments and other settings stay, a value that is only a default isn't touched."""
    write(mine)
    assert mine.path.read_text() == (
        '{\n  // mine\n  "model": "opus",\n  "version": 7,\n'
        f'  "env": {{\n    "URL": "http://x",\n    "TOKEN": "{KEY}"\n  }}\n}}\n'
    )
    assert mine.path.stat().st_mode & 0o777 == 0o600
    backup = mine.path.with_name("settings.json.before-sekisho")
    assert backup.read_text() == MINE
    assert backup.stat().st_mode & 0o777 == 0o644


def test_twice_changes_nothing(mine: File) -> None:
    """The second run finds nothing to change and leaves every file as it is."""
    write(mine)
    after = snapshot(mine.path.parent)
    assert write(mine) == [False]
    assert snapshot(mine.path.parent) == after


def test_settings_that_are_there_need_no_note(mine: File) -> None:
    """A file that says it all already is left alone, without backup or note."""
    other = replace(mine, settings=(Setting(("model",), "opus"),))
    assert write(other) == [False]
    assert [*snapshot(mine.path.parent)] == ["settings.json"]


def test_undo_of_a_new_file(file: File, tmp_path: Path) -> None:
    """A file that wasn't there goes, with the folders that were made for it."""
    write(file)
    assert undo(file) == [True]
    assert snapshot(tmp_path) == {}


def test_undo_keeps_folders_in_use(file: File, tmp_path: Path) -> None:
    """A folder that something else is in by now stays."""
    write(file)
    (tmp_path / "a" / "other").touch()
    undo(file)
    assert [*snapshot(tmp_path)] == ["a", "a/other"]


def test_undo_after_another_key(mine: File, tmp_path: Path) -> None:
    """However often it was written, undoing goes back to before the first time."""
    before = snapshot(tmp_path)
    write(mine)
    write(replace(mine, settings=(*SETTINGS, Setting(("env", "TOKEN"), "sk-other", secret=True))))
    assert undo(mine) == [True]
    assert snapshot(tmp_path) == before


def test_what_an_earlier_write_said_goes(tmp_path: Path) -> None:
    """With another model, no size and no entry of the one before is left behind."""
    write(*plan("claude-code", tmp_path, NOVA, NOVA).files)
    write(*plan("claude-code", tmp_path).files)
    env = json.loads((tmp_path / ".claude" / "settings.json").read_text())["env"]
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in env
    write(*plan("continue", tmp_path, NOVA, NOVA).files)
    write(*plan("continue", tmp_path, HAIKU, HAIKU).files)
    config = yaml.safe_load((tmp_path / ".continue" / "config.yaml").read_text())
    assert [one["model"] for one in config["models"]] == ["claude-haiku-4-5"]


def test_what_an_earlier_write_replaced_comes_back(mine: File) -> None:
    """A value of the person's own that only the earlier settings had replaced is there again."""
    write(replace(mine, settings=(Setting(("model",), "ours"),)))
    write(mine)
    assert '  "model": "opus",\n' in mine.path.read_text()
    assert undo(mine) == [True]
    assert mine.path.read_text() == MINE


def test_undo_of_what_was_not_written(mine: File, tmp_path: Path) -> None:
    """Without our note nothing is undone."""
    before = snapshot(tmp_path)
    undo(mine)
    assert snapshot(tmp_path) == before


def test_undo_after_the_client_wrote(mine: File) -> None:
    """What the client or the person changed since stays; only our settings go."""
    write(mine)
    text = mine.path.read_text().replace('"opus"', '"haiku"')
    mine.path.write_text(text.replace('"URL"', '"EDITOR": "vi",\n    "URL"'))
    assert undo(mine) == [False]
    assert mine.path.read_text() == (
        '{\n  // mine\n  "model": "haiku",\n  "version": 7,\n'
        '  "env": {\n    "EDITOR": "vi"\n  }\n}\n'
    )
    assert mine.path.with_name("settings.json.before-sekisho").read_text() == MINE


def test_undo_after_the_client_wrote_between(mine: File) -> None:
    """The client's change between two writes of ours isn't lost either."""
    write(mine)
    mine.path.write_text(mine.path.read_text().replace('"opus"', '"haiku"'))
    write(replace(mine, settings=(Setting(("env", "URL"), "http://y"),)))
    assert undo(mine) == [False]
    assert mine.path.read_text() == MINE.replace("opus", "haiku")


def test_undo_of_a_new_file_that_the_client_wrote(file: File) -> None:
    """The client's own settings in a file that we made stay, with what such files begin with."""
    write(file)
    found = data(file)
    file.path.write_text(json.dumps({**found, "theme": "dark"}))
    assert undo(file) == [False]
    assert data(file) == {"version": 1, "theme": "dark"}


def test_undo_puts_a_deleted_file_back(mine: File, tmp_path: Path) -> None:
    """Whoever deleted the file gets what was before, too."""
    before = snapshot(tmp_path)
    write(mine)
    mine.path.unlink()
    undo(mine)
    assert snapshot(tmp_path) == before


def test_a_linked_file_stays_linked(file: File, tmp_path: Path) -> None:
    """Where the file is a link into a folder of dotfiles, that file is written."""
    real = tmp_path / "dotfiles.json"
    real.write_text(MINE)
    file.path.parent.mkdir(parents=True)
    file.path.symlink_to(real)
    before = snapshot(tmp_path)
    write(file)
    assert file.path.is_symlink()
    assert "TOKEN" in real.read_text()
    undo(file)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "it is not JSON"),
        (b"[]", "an object was expected where there is list"),
        (b'{"env": 3}', "an object was expected where there is int"),
        (b"\xff\xfe{}", "it is not text; nothing was changed"),
    ],
)
def test_what_cannot_be_changed_is_left(
    file: File, tmp_path: Path, content: bytes, message: str
) -> None:
    """One line names the file and the reason; no file of the plan is touched."""
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(content)
    other = File(tmp_path / "other.json", "json", SETTINGS)
    before = snapshot(tmp_path)
    with pytest.raises(WriteError) as error:
        write(other, file)
    assert str(error.value).startswith(f"{file.path}: {message}")
    assert "\n" not in str(error.value)
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_closed(tmp_path: Path) -> None:
    """One line names what can't be written."""
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="Permission denied"):
        write(File(tmp_path / "a.json", "json", SETTINGS))


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A file where a folder is needed is told in one line."""
    (tmp_path / "a").write_text("")
    with pytest.raises(WriteError, match="Not a directory"):
        write(File(tmp_path / "a" / "b.json", "json", SETTINGS))


def test_a_note_that_cannot_be_read(mine: File) -> None:
    """A broken note stops the undo: nobody knows what was before."""
    write(mine)
    mine.path.with_name("settings.json.sekisho").write_text("{}")
    with pytest.raises(WriteError, match=r"the note settings\.json\.sekisho beside it"):
        undo(mine)


def test_the_diff_shows_no_key(mine: File) -> None:
    """The difference is a unified one, in which keys, old and new, are cut short."""
    mine.path.write_text('{"env": {"TOKEN": "Zm9vYmFyYmF6cXV4"}}\n')
    diff = "\n".join(writing.planned([mine])[0].diff())
    assert diff.startswith(f"--- {mine.path}\n+++ {mine.path}\n@@ ")
    assert '-{"env": {"TOKEN": "Zm9v..."}}' in diff
    assert "sk-seki" in diff
    assert KEY not in diff
    assert "YmFyYmF6" not in diff


NAMES = st.text("abcXYZ .-_0", min_size=1, max_size=8)
SCALARS = st.booleans() | st.integers(-9, 99) | st.text("ab: #'\"\\\n日", max_size=8)
VALUES = st.recursive(
    SCALARS, lambda c: st.lists(c, max_size=3) | st.dictionaries(NAMES, c, max_size=3)
)
OWN = st.dictionaries(
    NAMES | st.sampled_from(["env", "model", "models", "provider", "providers", "security"]),
    VALUES,
    max_size=4,
)


def as_text(kind: str, found: dict[str, Any], indent: int | None) -> str:
    """A person's file with this in it."""
    if kind == "env":
        return "".join(f"A{n}={len(str(v))}\n" for n, v in enumerate(found.values()))
    if kind == "yaml":
        return "# mine\n" + yaml.safe_dump(found, allow_unicode=True) if found else ""
    if kind == "toml":
        simple = {k: v for k, v in found.items() if isinstance(v, (bool, int))}
        return "".join(f"{json.dumps(k)} = {json.dumps(v)} # mine\n" for k, v in simple.items())
    return json.dumps(found, indent=indent, ensure_ascii=False)


@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("client", WITH_FILES)
@given(OWN, st.sampled_from([None, 2, 4]), st.booleans())
def test_undo_is_the_identity(
    client: str, own: dict[str, Any], indent: int | None, there: bool
) -> None:
    """Whatever a person had, written and undone it is there again, each byte and mode of it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        files = plan(client, home).files
        for file in files[: len(files) if there else 1]:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(as_text(file.kind, own, indent))
        before = snapshot(home)
        try:
            write(*files)
        except WriteError:
            assert snapshot(home) == before
            return
        assert write(*files) == [False] * len(files)
        undo(*files)
        assert snapshot(home) == before
