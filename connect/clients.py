"""Every client that can be connected, by the name that is typed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .models import CLAUDE, GEMINI, GPT
from .plan import Plan
from .target import Target
from .tools import (
    aider,
    claude_code,
    cline,
    codex,
    continue_dev,
    gemini_cli,
    opencode,
    qwen_code,
    roo_code,
    sdks,
    web,
)

_CLAUDE_FIRST = (*CLAUDE, *GPT, *GEMINI)
_GPT_FIRST = (*GPT, *CLAUDE, *GEMINI)
_GEMINI_FIRST = (*GEMINI, *CLAUDE, *GPT)
_FAMILIES = {"openai": _GPT_FIRST, "google": _GEMINI_FIRST}


@dataclass(frozen=True, slots=True)
class Client:
    """How to plan it, whether it needs models with tools, and which models suit it best."""

    plan: Callable[[Target], Plan]
    tools: bool = True
    families: Sequence[str] = _CLAUDE_FIRST


CLIENTS: Mapping[str, Client] = {
    "claude-code": Client(claude_code.plan),
    "cline": Client(cline.plan),
    "roo-code": Client(roo_code.plan),
    "codex": Client(codex.plan, families=_GPT_FIRST),
    "opencode": Client(opencode.plan),
    "aider": Client(aider.plan, tools=False),
    "continue": Client(continue_dev.plan),
    "qwen-code": Client(qwen_code.plan),
    "gemini-cli": Client(gemini_cli.plan, families=_GEMINI_FIRST),
    "open-webui": Client(web.open_webui, tools=False),
    "nextchat": Client(web.nextchat, tools=False),
    "sdk": Client(sdks.every, tools=False),
    **{
        name: Client(plan, False, _FAMILIES.get(name.partition("-")[0], _CLAUDE_FIRST))
        for name, plan in sdks.SDKS.items()
    },
}
