"""The shipper's memory: bounded by what a batch is, whatever waits and however large a body is."""

import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sekisho.lake import codec
from sekisho.lake.bodies import body as bodies
from sekisho.lake.bodies.body import Body
from sekisho.lake.record import Record
from sekisho.lake.spool.lines import Spool

from .s3_servers import S3Server

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOST_MIB = 256

_SHIP = """
import re, sys
from pathlib import Path
from sekisho.lake.shipping.flush import flush
done = flush(Path(sys.argv[1]), sys.argv[2])
# Not getrusage: that has the memory of the process which started this one in it.
print(done.records, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def fill(spool: Path, count: int, size: int) -> None:
    """Requests with bodies of so many bytes, no two alike."""
    dice = random.Random(4)
    rows, said = Spool(spool, "host"), Spool(spool / "bodies", "host")
    for number in range(count):
        name = f"req_{number:05}"
        words = {"messages": [{"role": "user", "content": dice.randbytes(size // 2).hex()}]}
        body = Body(name, START, "chat", "/v1/chat/completions", words, {"choices": []})
        said.append(bodies.encode(body, "full"))
        record = Record(request_id=name, start_time=START, end_time=START, status="success")
        rows.append(codec.encode(record))
    rows.close()
    said.close()


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
@pytest.mark.parametrize(("count", "size"), [(3_000, 20_000), (50, 1_000_000), (30_000, 0)])
def test_a_backlog_takes_no_more_memory_than_a_batch(
    count: int, size: int, real: S3Server, tmp_path: Path
) -> None:
    """Tens of megabytes of bodies of any size, and rows alone, go in 256 MiB, boto3 included."""
    fill(tmp_path / "spool", count, size)
    done = subprocess.run(
        [sys.executable, "-c", _SHIP, str(tmp_path / "spool"), f"{real.lake}/{size}"],
        env={"PATH": os.environ["PATH"], **real.variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    records, peak = map(int, done.stdout.split())
    assert records == count
    assert peak / 1024 < MOST_MIB
