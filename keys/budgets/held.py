"""What a process answers for: the requests that run in it, and costs that nobody counted yet."""

from collections.abc import Iterable

from .spending import Reservation


class Held:
    """Reservations by id, from before they are in the database until their cost is counted.

    What is in here is no stray, whatever a beat finds in the database: only the transaction that
    counts a cost may release what was held for it. Safe for threads.
    """

    def __init__(self) -> None:
        self._running: dict[str, Reservation] = {}
        self._starting: set[str] = set()  # those whose first transaction runs
        self._settled: dict[str, bool] = {}  # whether the outbox has the cost

    def __contains__(self, request_id: object, /) -> bool:
        """Whether this process answers for it."""
        # In this order: `settle` moves it from the first to the second.
        return request_id in self._running or request_id in self._settled

    def start(self, reservation: Reservation) -> None:
        """A request begins; it holds nothing for sure before `started`."""
        self._starting.add(reservation.id)
        self._running[reservation.id] = reservation

    def started(self, request_id: str, *, runs: bool) -> None:
        """It passed and runs, or it was refused."""
        if not runs:
            del self._running[request_id]
        self._starting.discard(request_id)

    def held(self) -> list[Reservation]:
        """What the database should hold for the requests that run."""
        running = list(self._running.values())
        return [r for r in running if r.budgets and r.id not in self._starting]

    def settle(self, reservation: Reservation) -> bool:
        """It has its cost; False when it had one before."""
        if reservation.id not in self._running:
            return False
        if reservation.budgets:
            self._settled[reservation.id] = False
        del self._running[reservation.id]
        return True

    def written(self, request_id: str) -> None:
        """The outbox has its cost, in the file or in memory."""
        if request_id in self._settled:
            self._settled[request_id] = True

    def uncounted(self) -> set[str]:
        """Those whose cost the outbox has."""
        return {request for request, written in list(self._settled.items()) if written}

    def counted(self, ids: Iterable[str]) -> None:
        """Their cost is in the database: what is held for them now is held for nobody."""
        for request in ids:
            self._settled.pop(request, None)
