"""Claude's `thinking.budget_tokens` is lowered until it is below `max_tokens`.

For Qwen Code's Anthropic mode, which sends 32,000 for both, on every Claude, and for clients that
ask an older Claude for effort in a short answer, of which LiteLLM makes a budget; the provider
answers 400 "`max_tokens` must be greater than `thinking.budget_tokens`". Three quarters of
`max_tokens` are left for thinking. Where there is no room for the least budget (1,024), thinking
is off.
"""

from ...untyped import mapping
from .call import Call
from .claude import ADAPTIVE, generation

NAME: str = "thinking_budget"

_LEAST = 1024  # tokens, Anthropic's own minimum
# LiteLLM's budgets for Claude without adaptive thinking, in tokens.
_EFFORTS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}


def apply(call: Call) -> None:
    """Chat and Messages, with a budget that is no smaller than the answer may be."""
    given = call.kwargs
    if call.api not in ("chat", "messages") or not call.is_claude:
        return
    thinking = mapping(given.get("thinking"))
    effort = given.get("reasoning_effort")
    budget = thinking.get("budget_tokens")
    if isinstance(effort, str) and generation(call.model) < ADAPTIVE:
        budget = budget or _EFFORTS.get(effort)
    most = given.get("max_tokens") or given.get("max_completion_tokens")
    if not isinstance(budget, int) or not isinstance(most, int) or budget < most:
        return
    given.pop("reasoning_effort", None)
    given.pop("thinking", None)
    if most > _LEAST:
        fitting = max(_LEAST, most * 3 // 4)
        given["thinking"] = {"type": "enabled", **thinking, "budget_tokens": fitting}
