"""Kill -9 of workers and shippers under load, with an S3 that misbehaves: every row counts once.

The short form runs with the suite, the long one with `make test-kill`.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..faulty_s3 import FaultyS3
from ..gateway import sekisho
from ..s3_servers import rclone
from ..simulators import Simulator
from .scene import Scene
from .verdict import judge

pytestmark = pytest.mark.serial


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[FaultyS3]:
    """A real S3 server that checks signatures, behind a proxy that misbehaves."""
    with rclone(tmp_path / "s3") as server, FaultyS3.before(server) as proxy:
        yield proxy


@pytest.mark.parametrize(
    ("workers", "shippers"),
    [(3, 2), pytest.param(200, 40, marks=pytest.mark.long)],
)
def test_every_request_has_one_row_whatever_is_killed(
    clouds: Simulator, s3: FaultyS3, home: Path, workers: int, shippers: int
) -> None:
    """Whole answers: one right row and body each. Cut ones that reached a provider: one row."""
    s3.sometimes({"503": 0.15, "403": 0.03, "lost": 0.12, "cut": 0.05})
    variables = {**s3.server.variables, "SEKISHO_LAKE": s3.server.lake}
    with Scene.start(clouds, home, variables) as scene:
        asyncio.run(scene.play(8, workers=workers, shippers=shippers))
        s3.sometimes({})
        assert scene.end() == 0, scene.gateway.log()
        scene.note_calls()
    answer = sekisho(home, "logs", "flush", variables=scene.gateway.variables)
    assert answer.code == 0, answer.err
    assert s3.server.folder is not None
    found = judge(scene.crowd.asked, s3.server.folder / "lake", scene.called, bodies=True)
    print(found, scene.killed_workers, scene.killed_shippers)  # for whoever runs the long form
    assert found.faults == {}
    assert found.complete >= 10 * workers
    assert (scene.killed_workers, scene.killed_shippers) == (workers, shippers)
