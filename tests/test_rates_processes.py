"""Several processes that count at one place: together they never pass a limit.

This is what `limits` over a shared place was chosen for; LiteLLM's own limiter counts in each
worker for itself when there is no Redis.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from .meters import NOON, Meters, key_scope

PROCESSES = 4
EACH = 40


@pytest.fixture(params=["file", "redis"])
def meters(request: pytest.FixtureRequest, tmp_path: Path) -> Meters:
    """Meters that count in a file, and in Redis."""
    return Meters.at(request, tmp_path)


async def crowd(name: str, meters: Meters, limits: dict[str, int]) -> int:
    """Many requests at once, that have not ended when the others ask; how many passed."""
    meter, scopes = meters.open(name), [key_scope(**limits)]
    print("ready", flush=True)
    sys.stdin.readline()
    requests = (meter.enter(f"{n}", scopes, 10, NOON) for n in range(EACH))
    answers = await asyncio.gather(*requests)
    print(answers.count(None), meter.degraded, flush=True)
    sys.stdin.readline()
    await meter.close()
    return 0


CROWD = """
import asyncio, json, sys
from pathlib import Path
from tests.meters import Meters
from tests.test_rates_processes import crowd

name, home, redis_url, limits = sys.argv[1:]
asyncio.run(crowd(name, Meters(Path(home), redis_url), json.loads(limits)))
"""


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        ({"rpm": 50}, 50),
        ({"tpm": 505}, 50),
        ({"parallel": 50}, 50),
        ({"rpm": 70, "tpm": 600, "parallel": 65}, 60),
        ({"rpm": 1000}, PROCESSES * EACH),
    ],
    ids=["requests", "tokens", "at once", "all three", "more than enough"],
)
def test_processes_never_pass_a_limit_together(
    meters: Meters, limits: dict[str, int], passed: int
) -> None:
    """Of 160 requests in 4 processes at once exactly as many pass as may, all counted at one place.

    With all three limits a request that finds no slot, or no tokens, must not use up the others'
    tokens: 60 prompts of 10 tokens fit.
    """
    where = [str(meters.home), meters.redis_url, json.dumps(limits)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, f"process-{n}", *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    try:
        assert [_line(process) for process in running] == ["ready"] * PROCESSES
        _go(running)
        answers = [_line(process).split() for process in running]
        _go(running)
        assert [process.wait(10) for process in running] == [0] * PROCESSES
    finally:
        for process in running:
            process.kill()
            process.communicate()
    assert [degraded for _, degraded in answers] == ["False"] * PROCESSES
    assert sum(int(count) for count, _ in answers) == passed


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _go(running: list["subprocess.Popen[str]"]) -> None:
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
