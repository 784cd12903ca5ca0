"""Why a cell is red, where the reason lies in the client; a red cell without one fails the run."""

from collections.abc import Sequence
from dataclasses import dataclass

from .matrix import Cell


@dataclass(frozen=True, slots=True)
class Reason:
    """Explains the cells of a client in a scenario, on every route or on those named."""

    client: str
    scenario: str
    words: str
    routes: Sequence[str] = ()

    def explains(self, cell: Cell) -> bool:
        """Whether it is this cell's reason."""
        here = not self.routes or cell.route in self.routes
        return here and (cell.client, cell.scenario) == (self.client, self.scenario)


REASONS: tuple[Reason, ...] = ()


def of(cell: Cell) -> Reason | None:
    """The reason of a red cell, if it is known."""
    return next((reason for reason in REASONS if reason.explains(cell)), None)
