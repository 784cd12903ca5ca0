"""The log without LiteLLM: hundreds of kills of those who write it, and of those who ship it."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..faulty_s3 import FaultyS3
from ..gateway import sekisho
from ..s3_servers import rclone
from .nursery import Nursery
from .verdict import payloads, rows

pytestmark = pytest.mark.serial

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[FaultyS3]:
    """A real S3 server that checks signatures, behind a proxy that misbehaves."""
    with rclone(tmp_path / "s3") as server, FaultyS3.before(server) as proxy:
        yield proxy


@dataclass(slots=True)
class Flushes:
    """Flushes that die at a step; `sekisho logs flush` with a home and a lake of their own."""

    process: "subprocess.Popen[str]"

    @classmethod
    @contextmanager
    def start(cls) -> Generator["Flushes"]:
        """Nothing is flushed yet."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill.mortal"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            yield cls(process)

    def run(self, variables: dict[str, str], step: int = 0) -> tuple[int, int]:
        """Flush until before a step, 0: to the end; the exit code and the number of steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"variables": variables, "step": step}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["steps"]


def faults(nursery: Nursery, lake: Path) -> dict[str, list[str]]:
    """Request ids by what is wrong with them in a lake; empty when all is well."""
    stored, bodies = rows(lake), payloads(lake)
    status, texts = {row.request_id: row.status for row in stored}, dict(bodies)
    ended = nursery.ended
    found = {
        "missing": [i for i in ended if status.get(i) != "success"],
        "begun without a row": [i for i in nursery.began if i not in status],
        "twice": repeated(row.request_id for row in stored),
        "without a body": [i for i in ended if i not in texts.get(i, "")],
        "body twice": repeated(request_id for request_id, _ in bodies),
        "wrong tokens": [
            row.request_id
            for row in stored
            if row.status == "success" and (row.tokens[0], row.priced) != (7, True)
        ],
    }
    return {name: ids for name, ids in found.items() if ids}


def repeated(ids: Iterator[str]) -> list[str]:
    """What is there more than once."""
    return [name for name, count in Counter(ids).items() if count > 1]


@pytest.mark.parametrize(
    ("writers", "shippers"),
    [(40, 8), pytest.param(400, 100, marks=pytest.mark.long)],
)
def test_kills_at_random_moments_lose_and_double_nothing(
    s3: FaultyS3, tmp_path: Path, writers: int, shippers: int
) -> None:
    """Each end that was told is a row and a body, each beginning a row, all of them once."""
    dice, spool = random.Random(4), tmp_path / "spool"
    s3.sometimes({"503": 0.15, "403": 0.03, "lost": 0.12, "cut": 0.05})
    killed = 0
    with Nursery.start(spool) as nursery:
        for seed in range(3):
            nursery.bear(seed)
        shipper = begin_shipping(spool, s3)
        for number in range(max(writers, shippers)):
            if number < writers:
                nursery.kill_one(dice)
                nursery.bear(1000 + number)
            if number * shippers // writers != (number + 1) * shippers // writers:
                time.sleep(dice.uniform(0.4, 1.5))  # the moment is random
                shipper.kill()
                end_shipping(shipper)
                killed += 1
                shipper = begin_shipping(spool, s3)
    s3.sometimes({})
    assert end_shipping(shipper) == 0
    # Its last flush has an end of its own: what it left is in the spool.
    variables = {**s3.server.variables, "SEKISHO_LAKE": s3.server.lake}
    answer = sekisho(tmp_path, "logs", "flush", variables=variables)
    assert answer.code == 0, answer.err
    assert s3.server.folder is not None
    lake = s3.server.folder / "lake"
    print(nursery.killed, killed, len(nursery.began), len(nursery.ended))
    assert faults(nursery, lake) == {}
    assert nursery.killed >= writers
    assert killed == shippers
    assert len(nursery.ended) > 20 * writers


def begin_shipping(spool: Path, s3: FaultyS3) -> "subprocess.Popen[bytes]":
    """A shipper that runs until its input ends."""
    command = [sys.executable, "-m", "sekisho.lake.shipping.ship", str(spool), s3.server.lake]
    environment = {**os.environ, **s3.server.variables, "SEKISHO_SHIP_SECONDS": "0.5"}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)


def end_shipping(shipper: "subprocess.Popen[bytes]") -> int:
    """Let a shipper that lives ship all that is there, and end; its exit code."""
    shipper.communicate(timeout=120)
    return shipper.returncode


@pytest.mark.parametrize("each", [6, pytest.param(1, marks=pytest.mark.long)])
def test_a_shipper_that_dies_at_any_step_loses_and_doubles_nothing(
    s3: FaultyS3, tmp_path: Path, each: int
) -> None:
    """Whatever two of them did last, the third brings each row and each body to the lake once."""
    first, dice = tmp_path / "first", random.Random(4)
    with Nursery.start(first / "spool") as nursery:
        for seed in range(2):
            nursery.bear(seed)
        for seed in range(2):
            nursery.kill_one(random.Random(seed))
            nursery.bear(seed)
    assert s3.server.folder is not None
    with Flushes.start() as flushes:
        home, variables = copy(first, tmp_path / "home-0", s3)
        code, steps = flushes.run(variables)
        assert code == 0
        assert faults(nursery, s3.server.folder / home.name) == {}
        print(steps, "steps")  # for whoever runs the long form
        assert steps > 20
        for step in range(1, steps + 1, each):
            home, variables = copy(first, tmp_path / f"home-{step}", s3)
            assert flushes.run(variables, step)[0] == -9, step
            assert flushes.run(variables, dice.randrange(1, steps))[0] in (-9, 0), step
            assert flushes.run(variables)[0] == 0, step
            assert faults(nursery, s3.server.folder / home.name) == {}, step
            assert waiting(home) == [], step
            shutil.rmtree(home)


def copy(home: Path, to: Path, s3: FaultyS3) -> tuple[Path, dict[str, str]]:
    """The same spool once more, and the variables for a lake of its own."""
    shutil.copytree(home, to)
    lake = f"s3://{s3.server.bucket}/{to.name}"
    return to, {**s3.server.variables, "SEKISHO_HOME": str(to), "SEKISHO_LAKE": lake}


def waiting(home: Path) -> list[Path]:
    """Segments and manifests that a flush has left."""
    found = (home / "spool").rglob("*")
    kinds = (".open", ".closed", ".new", ".json", ".done")
    return [path for path in found if path.suffix in kinds and path.name != "ship.json"]
