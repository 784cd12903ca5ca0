"""The set-up of a fresh Open WebUI as variables, for whoever starts it from a file.

Names and meanings: docs.openwebui.com/reference/env-configuration, and what was tried with 0.12.4.
Values may name other variables as `${NAME}`, which Compose and shells fill in.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...connect import models
from ...connect.models import CLAUDE, GEMINI, GPT, Model
from . import wanted

SIGNED_BY = "${SEKISHO_OPENWEBUI_JWT_SECRET}"
"""The signing key of users is never printed: it stays in the variable that the gateway has too."""

_PLAIN = re.compile(r"[\w./:@+,=-]*|\$\{\w+\}")
_RATHER = ("gpt-", "text-embedding-3-small")  # with these Open WebUI was tried


@dataclass(frozen=True, slots=True)
class Part:
    """Variables that belong together, and a line that says what they do."""

    title: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Site:
    """What only the operator knows.

    `gateway` is without a path, `url` is Open WebUI's own address, `domain` that of the e-mail
    addresses that may sign in, `issuer` the identity provider (OIDC). `mcp` are MCP servers of the
    gateway that the key may use. With `private` only admins see models until they are granted.
    """

    gateway: str
    key: str
    url: str
    domain: str
    issuer: str
    mcp: Sequence[str] = ()
    private: bool = False

    @property
    def openai(self) -> str:
        """The address of the connection."""
        return f"{self.gateway}/v1"


def parts(site: Site, known: Sequence[Model]) -> Iterator[Part]:
    """All variables; those for kinds of models that the gateway doesn't have are left out."""
    yield Part("The gateway, and nothing beside it.", _connection(site))
    yield Part("Who asks: signed, or as plain headers while the secret is empty.", _identity())
    yield Part("Models: what people start with, and a cheap one for titles.", _chat(site, known))
    yield Part("Embeddings of files, by the gateway.", _embeddings(site, known))
    yield Part("Pictures and sound, by the gateway.", _media(site, known))
    yield Part("Tools of the gateway's MCP servers.", _mcp(site))
    yield Part("Sign-in by OIDC, for one domain of e-mail addresses.", _sign_in(site))
    yield Part("Nothing is reported to others.", _QUIET)


def lines(found: Iterator[Part]) -> Iterator[str]:
    """The parts as a file for Compose (`env_file`) or a shell (`set -a; . FILE`)."""
    for part in found:
        if part.variables:
            yield f"# {part.title}"
        for name, value in part.variables.items():
            quoted = value if _PLAIN.fullmatch(value) else f"'{value}'"
            yield f"{name}={quoted}"


_QUIET = {
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "SCARF_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
    "ANONYMIZED_TELEMETRY": "false",
}


def _connection(site: Site) -> dict[str, str]:
    alone = wanted.connected({}, site.openai, site.key)
    return {
        "OPENAI_API_BASE_URLS": site.openai,
        "OPENAI_API_KEYS": site.key,
        "OPENAI_API_CONFIGS": _json(alone["OPENAI_API_CONFIGS"]),
        "ENABLE_OLLAMA_API": "false",
    }


def _identity() -> dict[str, str]:
    return {
        "ENABLE_FORWARD_USER_INFO_HEADERS": "true",
        "FORWARD_USER_INFO_HEADER_JWT_SECRET": SIGNED_BY,
    }


def _chat(site: Site, known: Sequence[Model]) -> dict[str, str]:
    # Without builtin_tools each chat carries 30 tools of Open WebUI's own, 5,000 tokens for a
    # "hello"; without usage a stream doesn't say what it has used.
    abilities = {"capabilities": {"builtin_tools": False, "usage": True}}
    found = {
        "DEFAULT_MODEL_METADATA": _json(abilities),
        "BYPASS_MODEL_ACCESS_CONTROL": "false" if site.private else "true",
    }
    talking = models.usable(known, tools=False)
    main = models.first(talking, (*CLAUDE, *GPT, *GEMINI)) or next(iter(talking), None)
    if main is None:
        return found
    small = models.small_beside(talking, main)
    return {"DEFAULT_MODELS": main.alias, "TASK_MODEL_EXTERNAL": small.alias, **found}


def _embeddings(site: Site, known: Sequence[Model]) -> dict[str, str]:
    model = _of_mode(known, "embedding")
    if model is None:
        return {}
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": site.openai,
        "RAG_OPENAI_API_KEY": site.key,
        "RAG_EMBEDDING_MODEL": model,
        "RAG_EMBEDDING_BATCH_SIZE": "32",  # 1 by default: a request for each paragraph
    }


def _media(site: Site, known: Sequence[Model]) -> dict[str, str]:
    found: dict[str, str] = {}
    if model := _of_mode(known, "image"):
        found |= {
            "ENABLE_IMAGE_GENERATION": "true",
            "IMAGE_GENERATION_ENGINE": "openai",
            "IMAGES_OPENAI_API_BASE_URL": site.openai,
            "IMAGES_OPENAI_API_KEY": site.key,
            "IMAGE_GENERATION_MODEL": model,
            # Else it asks every model for `response_format`, which not every model takes.
            "IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN": ".*",
            "ENABLE_IMAGE_EDIT": "true",
            "IMAGE_EDIT_ENGINE": "openai",
            "IMAGES_EDIT_OPENAI_API_BASE_URL": site.openai,
            "IMAGES_EDIT_OPENAI_API_KEY": site.key,
            "IMAGE_EDIT_MODEL": model,
        }
    if model := _of_mode(known, "transcription"):
        found |= _audio("STT", site, model)
    if model := _of_mode(known, "speech"):
        found |= {**_audio("TTS", site, model), "AUDIO_TTS_VOICE": "alloy"}
    return found


def _audio(way: str, site: Site, model: str) -> dict[str, str]:
    return {
        f"AUDIO_{way}_ENGINE": "openai",
        f"AUDIO_{way}_OPENAI_API_BASE_URL": site.openai,
        f"AUDIO_{way}_OPENAI_API_KEY": site.key,
        f"AUDIO_{way}_MODEL": model,
    }


def _mcp(site: Site) -> dict[str, str]:
    if not site.mcp:
        return {}
    servers = [
        {
            "url": f"{site.gateway}/mcp/{name}",
            "path": "",
            "type": "mcp",
            "auth_type": "bearer",
            "key": site.key,
            "headers": None,
            "config": {
                "enable": True,
                "function_name_filter_list": "",
                "access_grants": [
                    {"principal_type": "user", "principal_id": "*", "permission": "read"}
                ],
            },
            "info": {"id": name, "name": name, "description": ""},
        }
        for name in site.mcp
    ]
    return {"TOOL_SERVER_CONNECTIONS": _json(servers)}


def _sign_in(site: Site) -> dict[str, str]:
    return {
        "WEBUI_URL": site.url,
        "WEBUI_SECRET_KEY": "${WEBUI_SECRET_KEY}",
        "ENABLE_OAUTH_SIGNUP": "true",
        "OAUTH_ALLOWED_DOMAINS": site.domain,
        "OPENID_PROVIDER_URL": f"{site.issuer}/.well-known/openid-configuration",
        "OAUTH_CLIENT_ID": "${OAUTH_CLIENT_ID}",
        "OAUTH_CLIENT_SECRET": "${OAUTH_CLIENT_SECRET}",
        "OAUTH_SCOPES": "openid email profile",
        "OPENID_REDIRECT_URI": f"{site.url}/oauth/oidc/login/callback",
        "DEFAULT_USER_ROLE": "user",
        # The first only hides the form; the second refuses passwords.
        "ENABLE_LOGIN_FORM": "false",
        "ENABLE_PASSWORD_AUTH": "false",
    }


def _of_mode(known: Sequence[Model], mode: str) -> str | None:
    found = [one.alias for one in known if one.mode == mode]
    return next((alias for alias in found if alias.startswith(_RATHER)), next(iter(found), None))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
