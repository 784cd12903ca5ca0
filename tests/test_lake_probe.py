"""The doctor's look at the lake: can it be written?"""

from pathlib import Path

import pytest
from sekisho.lake.place import LakeError
from sekisho.lake.stores import policies
from sekisho.lake.stores.probe import probe
from sekisho.lake.stores.store import Denied

from .s3_servers import Moto
from .test_lake_stores import use


def test_a_folder_is_left_as_it_was(tmp_path: Path) -> None:
    """The probe is deleted again; a lake that isn't there yet is not made."""
    lake = tmp_path / "lake"
    assert probe(lake.as_uri()) == "will be made"
    assert not lake.exists()
    lake.mkdir()
    assert probe(lake.as_uri()) == "can be written"
    assert list(lake.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It is one line with what to do."""
    (tmp_path / "lake").write_text("a file is in the way")
    with pytest.raises(LakeError, match="Not a directory"):
        probe((tmp_path / "lake").as_uri())


def test_a_gateways_own_rights_are_enough(emulator: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the writer's policy, which lets put and nothing else, the probe succeeds."""
    athena = policies.Athena(workgroup="primary", database="sekisho")
    emulator.reset()
    user = emulator.user(policies.policy("writer", emulator.lake, athena))
    emulator.enforce()
    use(user, monkeypatch)
    try:
        for _ in range(2):
            assert probe(emulator.lake) == "can be written (usage/.probe)"
        with pytest.raises(Denied, match=r"sekisho logs iam --role writer"):
            probe(f"s3://{emulator.bucket}/elsewhere")
    finally:
        emulator.enforce(on=False)
    assert emulator.keys() == ["lake/usage/.probe"]
