"""`sekisho logs flush` that dies at its n-th step, whatever that is: in forks, so that it is cheap.

`python -m tests.kill.mortal` imports everything once. For each line of JSON on standard input
(`{"variables": {...}, "step": 7}`) it forks a flush and writes a line with its exit code and how
many steps it took; before the step that is named it kills itself with SIGKILL, at 0 it lives.

A step is whatever changes something outside: a file made, renamed or removed, a request sent.
Python tells these to audit hooks before it does them, so that no step of the shipper is missed
when its code changes.
"""

import json
import os
import signal
import sys
from typing import Any

from sekisho.cli import logs
from sekisho.cli.main import main
from sekisho.lake.stores import s3

_CHANGES = frozenset(
    {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "http.client.send"}
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_PRELOADED = (logs, s3)  # the command imports them when it needs them


def _flush(step: int, report: int) -> None:
    """Run the command, and tell how many steps it took unless one of them was its last."""
    taken = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal taken
        writes = event == "open" and bool(arguments[2] & _WRITES)
        if event in _CHANGES or writes:
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    try:
        main(["logs", "flush"], prog_name="sekisho")
    finally:
        os.write(report, str(taken).encode())


def _run(variables: dict[str, str], step: int) -> dict[str, int]:
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(2, 1)  # what it prints is no answer of ours
        os.environ.update(variables)
        code = 1
        try:
            _flush(step, theirs)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            os._exit(code)
    os.close(theirs)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(ours, "rb") as told:
        steps = told.read()
    return {"code": os.waitstatus_to_exitcode(status), "steps": int(steps or 0)}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_run(**json.loads(line))), flush=True)
