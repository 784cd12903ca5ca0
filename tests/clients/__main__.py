"""`python -m tests.clients [--docs] [--only CLIENT ...]`: the matrix of clients and routes.

Exits with 1 when a cell is red without a reason that lies in the client, and when a client on
Bedrock Claude reads nothing from the prompt cache in its second turn.
"""

import argparse
import fcntl
import json
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from . import report, saving, stage
from .installation import TARGET, Missing
from .matrix import ROUTES, Cell, Route, cells
from .roster import CLIENTS, Client

_KEPT = TARGET / "matrix.json"  # so that a run of one client keeps the others' cells
_AT_ONCE = 2  # each with a gateway of its own

Work = tuple[Client, Route]


def main() -> int:
    """Run what is wanted, print it, and write it into the documentation if told to."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--docs", action="store_true", help=f"write docs/{report.DOCUMENT.name}")
    parser.add_argument("--only", action="append", metavar="CLIENT", help="as in the table")
    parser.add_argument("--route", action="append", metavar="ROUTE", help="as in the table")
    wanted = parser.parse_args()
    clients = [c for c in CLIENTS if not wanted.only or c.title in wanted.only]
    routes = [r for r in ROUTES if not wanted.route or r.title in wanted.route]
    work = [(c, r) for c in clients for r in routes if r.takes(c)]
    whole = not (wanted.only or wanted.route)
    if whole:
        _KEPT.unlink(missing_ok=True)
    try:
        _run(work)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    table = report.markdown(_kept())
    print(table)
    if wanted.docs:
        report.write("matrix", table)
    red = [f"{c.client}, {c.route}, {c.scenario}: {c.flaw}" for c in report.unexplained(_kept())]
    red += _caching(wanted.docs) if whole else []
    print("\n".join(red), file=sys.stderr)
    return 1 if red else 0


def _caching(docs: bool) -> list[str]:
    """Measure what caching saves; the clients whose second request read nothing from the cache."""
    with stage.start() as place:
        found = list(saving.measure(place))
    table = saving.markdown(found)
    print(table)
    if docs:
        report.write("caching", table)
    return [f"{one.client}: nothing was read from the cache" for one in found if not one.read]


def _run(work: Sequence[Work]) -> None:
    """All cells of these, two clients at a time; they are kept as they come. Raises Missing."""
    waiting: queue.SimpleQueue[Work] = queue.SimpleQueue()
    for one in work:
        waiting.put(one)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(_work, waiting) for _ in range(_AT_ONCE)]:
            done.result()


def _work(waiting: "queue.SimpleQueue[Work]") -> None:
    with stage.start() as place:
        while True:
            try:
                client, route = waiting.get_nowait()
            except queue.Empty:
                return
            found: list[Cell] = []
            for cell in cells(place, client, route):
                found.append(cell)
                print(f"{client.title}, {route.title}, {cell.scenario}: {cell.flaw or 'ok'}")
            _keep(found)


def _keep(fresh: Sequence[Cell]) -> None:
    """Add these cells to those of earlier runs, in place of the same ones."""
    with _KEPT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        by_place = {(c.client, c.route, c.scenario): c for c in [*_kept(), *fresh]}
        _KEPT.write_text(json.dumps([asdict(cell) for cell in by_place.values()], indent=1))


def _kept() -> list[Cell]:
    """All cells that were ever run, in the table's order."""
    cells = [Cell(**raw) for raw in json.loads(_KEPT.read_text())] if _KEPT.exists() else []
    order = [client.title for client in CLIENTS]
    return sorted(cells, key=lambda cell: order.index(cell.client))


if __name__ == "__main__":
    sys.exit(main())
