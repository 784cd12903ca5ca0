"""Whether the lake takes a file, for `sekisho doctor`."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from .. import place
from ..place import LakeError
from .store import open_store

# Queries leave out names that begin with a dot. In a bucket it stays: a gateway may not delete.
KEY = "usage/.probe"


def probe(lake: str) -> str:
    """Store something and say in a few words how that went. Raises LakeError.

    A folder that isn't there yet is not made.
    """
    if not place.is_s3(lake):
        folder = place.folder(lake)
        if not folder.exists():
            return _could_be_made(folder)
    store = open_store(lake, read_seconds=5, attempts=1)
    with TemporaryDirectory(prefix="sekisho-") as work:
        file = Path(work) / "probe"
        file.write_text("sekisho doctor was here\n")
        store.put(KEY, file)
    if place.is_s3(lake):
        return f"can be written ({KEY})"
    store.delete(KEY)
    return "can be written"


def _could_be_made(folder: Path) -> str:
    nearest = next(parent for parent in folder.parents if parent.exists())
    if not os.access(nearest, os.W_OK):
        raise LakeError(f"lake {folder}: {nearest} can't be written; point SEKISHO_LAKE elsewhere")
    return "will be made"
