"""What a line of our log looks like, the same in every process of the gateway."""

import logging


def set_up() -> None:
    """Log warnings and worse on standard error, each with its time; once in a process."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def in_one_line(error: BaseException) -> str:
    """The kind and the message of an error, without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())
