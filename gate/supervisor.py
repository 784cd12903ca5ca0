"""Several workers under one first process: uvicorn's supervisor, with its news told."""

import logging

from uvicorn.supervisors import Multiprocess

from . import metrics

log = logging.getLogger("sekisho.supervisor")


class Supervisor(Multiprocess):
    """Starts workers and replaces those that die; `asked` tells why it ended."""

    asked = False  # whether SIGTERM or SIGINT ended it, rather than a worker that can't start

    def handle_int(self) -> None:
        """Note that the end was asked for."""
        self.asked = True
        super().handle_int()

    def handle_term(self) -> None:
        """Note that the end was asked for."""
        self.asked = True
        super().handle_term()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died, and say so: uvicorn tells it below our level."""
        before = list(self.processes)
        for process in before:
            # The worker has its own; with ours open its death would go unseen for a whole ping.
            process.child_conn.close()
        super().keep_subprocess_alive()
        for process in before:
            if process not in self.processes:
                if process.pid is not None:
                    metrics.forget(process.pid)
                log.critical(
                    "worker %s died with exit code %s; another one starts",
                    process.pid,
                    process.exitcode,
                )
