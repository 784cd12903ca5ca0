"""LiteLLM's master key in its file."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sekisho.keys import secret
from sekisho.keys.master import MasterKeyError, ensure_master_key


def test_it_is_made_once_and_stays(tmp_path: Path) -> None:
    """The first start makes a key with mode 0600, every later one reads the same."""
    home = tmp_path / "home"
    key = ensure_master_key(home)
    assert key.startswith("sk-master-")
    assert len(key) == 53
    assert ensure_master_key(home) == key
    assert stat.S_IMODE((home / "master.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path.name for path in home.iterdir()] == ["master.key"]


def test_it_is_never_a_key_of_the_gate(tmp_path: Path) -> None:
    """The master key has not the shape of an issued key, so the gate refuses it."""
    assert not secret.well_formed(ensure_master_key(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty; type: rm"), (b"hello\n", "is corrupt; type: rm"), (b"\xff\x00", "corrupt")],
)
def test_a_corrupt_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    """An empty or strange file is refused with the command that mends it, unread in the error."""
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MasterKeyError, match=message) as caught:
        ensure_master_key(tmp_path)
    assert "hello" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Wrong permissions are told with the chmod that mends them."""
    ensure_master_key(tmp_path)
    path = tmp_path / "master.key"
    path.chmod(0o644)
    with pytest.raises(MasterKeyError) as caught:
        ensure_master_key(tmp_path)
    assert str(caught.value) == (
        f"master key {path} can be read by others (mode 0644); type: chmod 600 {path}"
    )


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the key's place is refused, wherever it points."""
    other = tmp_path / "other"
    ensure_master_key(other)
    (tmp_path / "master.key").symlink_to(other / "master.key")
    with pytest.raises(MasterKeyError, match=r"master\.key: "):
        ensure_master_key(tmp_path)


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    """Four first starts at once end with one and the same key."""
    script = (
        "import sys; from pathlib import Path; from sekisho.keys.master import ensure_master_key\n"
        "print(ensure_master_key(Path(sys.argv[1])))\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    keys = {process.communicate(timeout=20)[0] for process in started}
    assert len(keys) == 1
