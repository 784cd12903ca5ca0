"""Where the lake is: a URL becomes a folder or a bucket, or one clear line why it can't."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


class LakeError(Exception):
    """The lake can't be read or written; the message is one line with the remedy."""


def is_s3(lake: str) -> bool:
    """Whether the lake is a bucket; otherwise it is a folder."""
    return urlsplit(lake).scheme == "s3"


def folder(lake: str) -> Path:
    """The folder of a `file:///...` lake. Raises LakeError for every other kind."""
    parts = urlsplit(lake)
    if parts.scheme == "s3":
        raise LakeError(f"SEKISHO_LAKE={lake}: this needs a lake that is a folder, file:///folder")
    path = Path(url2pathname(parts.path))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise LakeError(f"SEKISHO_LAKE={lake}: write file:///absolute/folder or s3://bucket/prefix")
    return path


def bucket(lake: str) -> tuple[str, str]:
    """Bucket and key prefix of an `s3://...` lake, the prefix without slashes at its ends.

    Raises LakeError.
    """
    parts = urlsplit(lake)
    plain = not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme != "s3" or not parts.netloc or ":" in parts.netloc or not plain:
        shown = without_secrets(lake)
        raise LakeError(f"SEKISHO_LAKE={shown}: write s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/")


def without_secrets(url: str) -> str:
    """A URL as an error may show it: what may be a name and a password before `@` is left out."""
    scheme, slashes, rest = url.rpartition("://")
    return scheme + slashes + rest.rpartition("@")[2]


def check(lake: str) -> None:
    """Raise LakeError for a URL that can be no lake."""
    if is_s3(lake):
        bucket(lake)
    else:
        folder(lake)


def usage_folder(lake: str) -> Path:
    """The folder of the table `llm_usage`. Raises LakeError."""
    return folder(lake) / "usage"
