"""What became of work that nobody waited for, in a line of the log.

asyncio would print the error with its own words and a traceback, and those may quote a prompt.
"""

import asyncio
import logging
import re
from typing import Any

from ..log_lines import kind_and_place

log = logging.getLogger("sekisho.gate")


def tell(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler; what was cancelled, as its client has left, is no error.

    `context` is asyncio's: `message` is its own words, `exception` is there or not.
    """
    error: BaseException | None = context.get("exception")
    if isinstance(error, asyncio.CancelledError):
        return
    told = kind_and_place(error) if error is not None else "no error"
    # What follows may be arguments, as they are.
    words = re.split(r"[(<'\"]", context["message"])[0].strip()
    log.error("%s: %s", words, told)
