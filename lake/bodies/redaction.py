"""What no log may have is blotted out of texts, by the operator's patterns."""

import re
from collections.abc import Sequence

BLOT = "[redacted]"

Patterns = Sequence[re.Pattern[str]]


def redacted(text: str, patterns: Patterns) -> str:
    """The text with `[redacted]` in place of whatever matches one of the patterns."""
    for pattern in patterns:
        text = pattern.sub(BLOT, text)
    return text
