"""Chats in a browser: they are set up with variables where their server is started.

Docs: docs.openwebui.com/reference/env-configuration, github.com/ChatGPTNextWeb/NextChat (README)
"""

from ..plan import Plan
from ..target import Target

_NOT_CENTRAL = ("There is no other form: the variables hold for all of its users already.",)


def open_webui(target: Target) -> Plan:
    """Open WebUI asks `/v1/models` with this key and lists what it may use."""
    return Plan(
        "Open WebUI",
        variables={
            "OPENAI_API_BASE_URL": target.openai,
            "OPENAI_API_KEY": target.key,
            "ENABLE_OLLAMA_API": "false",
            "DEFAULT_MODELS": target.model.alias,
            "TASK_MODEL_EXTERNAL": target.small.alias,
        },
        notes=(
            "They count at its first start only. Later: Admin Panel > Settings > Connections.",
            "For more than one person: sekisho openwebui install (docs/open-webui.md).",
        ),
        managed_notes=_NOT_CENTRAL,
    )


def nextchat(target: Target) -> Plan:
    """NextChat has a list of models of its own, which is replaced."""
    names = ",".join(f"+{one.alias}@OpenAI" for one in target.listed())
    return Plan(
        "NextChat",
        variables={
            "BASE_URL": target.url,
            "OPENAI_API_KEY": target.key,
            "CUSTOM_MODELS": f"-all,{names}",
            "DEFAULT_MODEL": target.model.alias,
            "HIDE_USER_API_KEY": "1",
        },
        notes=("Set CODE too, a password: whoever opens the page uses this key.",),
        managed_notes=_NOT_CENTRAL,
    )
