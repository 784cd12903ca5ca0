"""New records as they are written, for `logs tail --follow`."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from .. import codec
from ..record import Record
from . import segments


class Follower:
    """Reads the rows that are appended to the spool after it was made.

    It keeps the segments open, so that one that goes to the lake meanwhile is read to its end.
    """

    def __init__(self, spool: Path) -> None:
        """Begin at the present end of every segment."""
        self._spool = spool
        self._open: dict[str, int] = {}
        self._rest: dict[str, bytes] = {}
        self.new_records()

    def __enter__(self) -> Self:
        """Use as a context manager to close the segments."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the segments."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def new_records(self) -> list[Record]:
        """Complete records that came since the last call."""
        present = {segment.name: segment.path for segment in segments.find(self._spool)}
        for name, path in present.items():
            if name not in self._open:
                try:
                    self._open[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                except FileNotFoundError:
                    continue  # renamed just now: the next call finds it
        records = [record for name in sorted(self._open) for record in self._read(name)]
        for name in self._open.keys() - present.keys():
            os.close(self._open.pop(name))
            self._rest.pop(name, None)
        return records

    def _read(self, name: str) -> list[Record]:
        content = self._rest.get(name, b"")
        while chunk := os.read(self._open[name], 1 << 20):
            content += chunk
        complete, newline, rest = content.rpartition(b"\n")
        self._rest[name] = rest
        lines = complete.split(b"\n") if newline else []
        records = map(codec.record_or_none, segments.rows(lines))
        return [record for record in records if record is not None]
