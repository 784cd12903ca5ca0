"""The key that Open WebUI gets: a `frontend` one of this gateway's key store."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import output
from .keys.store import KeyPlaces, opened

if TYPE_CHECKING:
    from ..frontends.open_webui.install import KnownKey
    from ..keys.store import Store


class StoredKeys:
    """This machine's key store, as the installation uses it.

    It is opened for each question: what is asked of Open WebUI between them takes its time. Every
    method may raise KeysError.
    """

    def __init__(self, places: KeyPlaces, alias: str, by: str) -> None:
        """`alias` is the name of the key to issue, `by` whoever does it, for the audit trail."""
        self._places, self._alias, self._by = places, alias, by
        self._issued: str | None = None

    def known(self, key: str) -> "KnownKey | None":
        """A key that is in this store; where there is no store, none is made."""
        from ..frontends.open_webui.install import KnownKey
        from ..keys import secret
        from ..keys.database import sqlite_path

        path = sqlite_path(self._places.database_url)
        if path is not None and not path.exists():
            return None
        with self._store() as store:
            row = store.find_by_hash(secret.hash_key(key))
        if row is None:
            return None
        return KnownKey(row.identity.alias, row.identity.kind, row.state(datetime.now(UTC)))

    def issue(self) -> str:
        """A new frontend key, without limits; its alias must be free."""
        with self._store() as store:
            taken = self._alias in store.live_aliases()
            if taken:
                raise output.Problem(
                    f"there is a key {self._alias}, which Open WebUI doesn't have: give it with "
                    f"--key, or get it anew with 'sekisho keys rotate {self._alias}', or choose "
                    "another name with --alias"
                )
            now = datetime.now(UTC)
            issued = store.issue(alias=self._alias, kind="frontend", by=self._by, now=now)
        self._issued = issued.row.identity.key_id
        return issued.key

    def take_back(self) -> None:
        """Revoke the key that was issued, if one was: its alias is free again."""
        if self._issued is None:
            return
        with self._store() as store:
            store.revoke(self._issued, by=self._by, now=datetime.now(UTC))
        self._issued = None

    @contextmanager
    def _store(self) -> "Generator[Store]":
        with opened(self._places) as store:
            yield store
