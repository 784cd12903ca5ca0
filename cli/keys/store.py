"""What every `sekisho keys` command shares: the open store, who is asking, and two options."""

import gc
import getpass
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import click

from ...keys.policy import Policy
from .. import output

if TYPE_CHECKING:
    from ...keys.store import Store


class KeyPlaces(Protocol):
    """The part of `Settings` that these commands use."""

    @property
    def database_url(self) -> str:
        """URL of the key store."""
        ...

    @property
    def time_zone(self) -> ZoneInfo:
        """Where the days and months of budgets begin."""
        ...

    @property
    def policy(self) -> Policy:
        """The limits of the `sekisho:` section."""
        ...


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
by_option = click.option(
    "--by",
    default=None,
    metavar="WHO",
    help="Who does this, for the audit trail; default: the user of this machine.",
)


@contextmanager
def opened(places: KeyPlaces, *, migrate: bool = False) -> Generator["Store"]:
    """The key store; errors of the rooms end the command in one line."""
    with output.one_line():
        with _no_collection():
            from ...keys.store import Store  # SQLAlchemy takes a while, for which --help can't wait

            store = Store(places.database_url, migrate=migrate)
        with store:
            yield store


@contextmanager
def _no_collection() -> Generator[None]:
    """Collect no garbage here: what modules make stays, and looking through it is a fifth more."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def who(by: str | None) -> str:
    """The name for the audit trail. Raises Misuse."""
    if by is not None:
        if not by.strip() or len(by) > 128 or not by.isprintable():
            raise output.Misuse("--by must be 1 to 128 printable characters")
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"uid {os.getuid()}"
