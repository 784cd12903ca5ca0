"""What a line of our log looks like, the same in every process of the gateway."""

import logging
import traceback
from pathlib import Path


def set_up() -> None:
    """Log warnings and worse on standard error, each with its time; once in a process."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def in_one_line(error: BaseException) -> str:
    """The kind and the message of an error, without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def kind_and_place(error: BaseException) -> str:
    """The kind of an error and where it was raised, as `KIND at FILE:LINE`.

    For errors whose own words may quote a request.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "no place"
    return f"{type(error).__name__} at {place}"
