"""Who must be in the gateway's log: each thing that a user does names the rows that it must make.

Whatever a scenario does, it does alone, so each new row is its user's. The scenario that two users
run at once tells theirs apart by the prompts in the log.
"""

from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

from sekisho.lake.bodies.body import row as payload
from sekisho.lake.record import EndUserSource, Record
from sekisho.lake.spool import segments

from ..gateway import Gateway, until
from .chat import Person


@dataclass(slots=True)
class Ledger:
    """The rows that have been accounted for; `source` is what proves this gateway's end users.

    `owners` says whose each is, `aside` has those that belong to none of the tests' users, and
    `stray` those that came when nobody expected them, which are for the last test to complain of.
    """

    gateway: Gateway
    source: EndUserSource
    owners: dict[str, Person] = field(default_factory=dict[str, Person])
    aside: set[str] = field(default_factory=set[str])
    stray: list[Record] = field(default_factory=list[Record])

    @contextmanager
    def expects(self, person: Person, *kinds: str) -> Generator[list[Record]]:
        """The block makes exactly these rows, all of this person; the list is filled at its end.

        A kind is an operation, with the task behind a slash where the row has one.
        """
        self.begin()
        found: list[Record] = []
        yield found
        found += self.new(len(kinds))
        assert Counter(map(kind, found)) == Counter(kinds), told(found)
        self.book(person, found)

    def begin(self) -> None:
        """What is in the log by now is not of what begins."""
        self.stray += self.rows()

    def new(self, least: int) -> list[Record]:
        """The rows that nobody has accounted for, as soon as there are so many."""

        def enough() -> list[Record] | None:
            rows = self.rows()
            return rows if len(rows) >= least else None

        try:
            return until(f"{least} new rows", enough, 60) or []
        except AssertionError:
            raise AssertionError(f"{least} rows expected, found: {told(self.rows())}") from None

    def rows(self) -> list[Record]:
        """The rows that nobody has accounted for."""
        known = {*self.owners, *self.aside, *(row.request_id for row in self.stray)}
        return [row for row in self.gateway.rows() if row.request_id not in known]

    def prompts(self) -> dict[str, str]:
        """What was asked in each request, as the log has it."""
        lines = segments.snapshot(self.gateway.home / "spool" / "bodies")
        bodies = [payload(line, "hash", ()) for line in lines]
        return {body.request_id: str(body.gen_ai_input_messages) for body in bodies}

    def set_aside(self, row: Record) -> None:
        """This row is of nobody whom the tests know; its test has looked at it."""
        self.aside.add(row.request_id)

    def book(self, person: Person, rows: Iterable[Record]) -> None:
        """These rows are this person's: check that the log says so."""
        for row in rows:
            self.owners[row.request_id] = person
        wrong = [row for row in rows if not self.is_of(row, person)]
        assert wrong == [], told(wrong)

    def is_of(self, row: Record, person: Person) -> bool:
        """Whether a row has this person as its end user, with everything that is known of them."""
        known = (row.end_user_id, row.end_user_email, row.end_user_name, row.end_user_source)
        return known == (person.id, person.email, person.name, self.source)


def kind(row: Record) -> str:
    """A row's operation and task."""
    name = row.gen_ai_operation_name or "?"
    return f"{name}/{row.task}" if row.task else name


def told(rows: Iterable[Record]) -> str:
    """Rows in words, for the message of a test that fails."""
    return "\n".join(
        f"{kind(row)} {row.gen_ai_request_model} {row.status} {row.error_message} "
        f"end user {row.end_user_id} {row.end_user_email} {row.end_user_name} "
        f"{row.end_user_source} claimed {row.claimed_user}"
        for row in rows
    )
