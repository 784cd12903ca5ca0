"""Where the lake is: a URL becomes a folder, or one clear line why it can't."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


class LakeError(Exception):
    """The lake can't be read or written; the message is one line with the remedy."""


def folder(lake: str) -> Path:
    """The folder of a `file:///...` lake. Raises LakeError for every other kind."""
    parts = urlsplit(lake)
    if parts.scheme == "s3":
        raise LakeError(
            f"SEKISHO_LAKE={lake}: S3 lakes don't work in this version; use file:///folder and "
            "copy it to the bucket"
        )
    path = Path(url2pathname(parts.path))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise LakeError(f"SEKISHO_LAKE={lake}: write file:///absolute/folder")
    return path


def usage_folder(lake: str) -> Path:
    """The folder of the table `llm_usage`. Raises LakeError."""
    return folder(lake) / "usage"
