"""Which of Anthropic's beta flags each cloud takes; any other one is refused, not ignored.

Bedrock: the table of "Request and Response" in AWS's guide to Claude, and what litellm 1.106.2
forwards of the newer ones. Vertex AI and Azure: what litellm forwards there. Which of those of 2026
a given model takes can't be known without an account.
"""

from collections.abc import Iterable
from typing import Literal

from .schemas import check

Cloud = Literal["bedrock", "converse", "vertex", "azure"]

_EVERYWHERE = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dangerous-tool-use-2026-09-03",
        "interleaved-thinking-2025-05-14",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "tool-search-tool-2025-10-19",
    }
)
_BEDROCK = _EVERYWHERE | {
    "computer-use-2024-10-22",
    "dev-full-thinking-2025-05-14",
    "effort-2025-11-24",
    "fine-grained-tool-streaming-2025-05-14",
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
    "output-128k-2025-02-19",
    "structured-outputs-2025-11-13",
    "token-efficient-tools-2025-02-19",
    "tool-examples-2025-10-29",
}
ACCEPTED: dict[Cloud, frozenset[str]] = {
    "bedrock": _BEDROCK,
    "converse": _BEDROCK,
    "vertex": _EVERYWHERE | {"web-search-2025-03-05", "inline-tools-2026-09-15"},
    "azure": (_EVERYWHERE - {"compact-2026-01-12", "thinking-binding-controls-2026-08-01"})
    | {
        "advanced-tool-use-2025-11-20",
        "code-execution-2025-08-25",
        "effort-2025-11-24",
        "files-api-2025-04-14",
        "mcp-client-2025-04-04",
        "mcp-client-2025-11-20",
        "per-turn-control-2026-07-01",
        "prompt-caching-scope-2026-01-05",
        "skills-2025-10-02",
        "structured-outputs-2025-11-13",
        "web-fetch-2025-09-10",
        "web-search-2025-03-05",
    },
}


def listed(header: str) -> list[str]:
    """The flags of an `anthropic-beta` header."""
    return [flag.strip() for flag in header.split(",") if flag.strip()]


def accept(cloud: Cloud, flags: Iterable[str]) -> None:
    """Refuse flags that the cloud doesn't know, in its own words."""
    unknown = [flag for flag in flags if flag not in ACCEPTED[cloud]]
    if cloud in ("bedrock", "converse"):
        check(not unknown, "The model returned the following errors: invalid beta flag")
    words = f"Unexpected value(s) {', '.join(f'`{flag}`' for flag in unknown)} for the"
    check(not unknown, f"{words} `anthropic-beta` header. Please consult our documentation.")
