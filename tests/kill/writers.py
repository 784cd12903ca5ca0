"""Processes that write a log as a gateway does, without LiteLLM: hundreds of them die in a minute.

`python -m tests.kill.writers SPOOL` imports everything once. For each line of standard input it
forks a writer, which writes until it is killed and tells on standard output, as lines of
`PID WHAT REQUEST_ID`, what it has done: `born`, `began` and `ended`.
"""

import os
import random
import secrets
import signal
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sekisho.lake.bodies.body import Body
from sekisho.lake.record import Record
from sekisho.lake.spool.log import Log

ROLL_SECONDS = 0.2
_SPOOL_BYTES = 1 << 30
_AT_ONCE = 5  # requests that run at the same time in a writer
_PAUSE = 0.001  # seconds between two steps
INPUT_TOKENS = 7
COST = Decimal("0.000000000123")


def write(spool: Path, seed: int) -> None:
    """Begin requests and end them in any order, until somebody kills this process."""
    dice = random.Random(seed)
    log = Log(
        spool,
        f"writer-{os.getpid()}",
        bodies="full",
        most_bytes=_SPOOL_BYTES,
        roll_seconds=ROLL_SECONDS,
    )
    running: list[tuple[Record, Any]] = []
    _tell("born", "-")
    while True:
        if len(running) < _AT_ONCE and dice.random() < 0.5:
            record = _record("interrupted")
            running.append((record, log.begin(record)))
            _tell("began", record.request_id)
        elif running:
            begun = running.pop(dice.randrange(len(running)))
            _end(log, *begun)
            _tell("ended", begun[0].request_id)
        if dice.random() < 0.02:
            log.care()
        time.sleep(_PAUSE)


def _end(log: Log, beginning: Record, begun: Any) -> None:
    body = Body(
        request_id=beginning.request_id,
        start_time=beginning.start_time,
        operation="chat",
        route="/v1/chat/completions",
        asked={"messages": [{"role": "user", "content": f"mark {beginning.request_id}"}]},
        answer=b'{"choices":[{"message":{"role":"assistant","content":"yes"}}]}',
    )
    log.end(_record("success", beginning), body, begun)


def _record(status: Any, beginning: Record | None = None) -> Record:
    now = datetime.now(UTC)
    if beginning is None:
        return Record(request_id=f"req_{secrets.token_hex(16)}", start_time=now, status=status)
    return Record(
        request_id=beginning.request_id,
        start_time=beginning.start_time,
        end_time=now,
        status=status,
        gen_ai_usage_input_tokens=INPUT_TOKENS,
        billed_cost=COST,
        is_priced=True,
    )


def _tell(what: str, request_id: str) -> None:
    # One write of less than a pipe's PIPE_BUF: lines of several writers don't mix.
    os.write(1, f"{os.getpid()} {what} {request_id}\n".encode())


def _main(spool: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        if os.fork() == 0:
            write(spool, int(line))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
