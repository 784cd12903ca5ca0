"""What a request may carry past the gate: headers by an allow list, body fields by a deny list.

The deny list is LiteLLM's own list of parameters that steer the proxy, less those that are part of
a public API. A client that could send them would choose the provider's address or key, switch
logging off, or set its own price.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ..untyped import mapping, text

# Fields of the public APIs that LiteLLM also counts among its own parameters. `metadata` and
# `id` are OpenAI's and Anthropic's; `max_retries`, `headers` and the like are not request fields.
PUBLIC_FIELDS = frozenset({"metadata"})

# Steering fields that are not in LiteLLM's list because they belong to its SDK or its proxy.
_OTHER_STEERING = frozenset(
    {
        "api_version",
        "aws_access_key_id",
        "aws_bedrock_runtime_endpoint",
        "aws_external_id",
        "aws_profile_name",
        "aws_region_name",
        "aws_role_name",
        "aws_secret_access_key",
        "aws_session_name",
        "aws_session_token",
        "aws_sts_endpoint",
        "aws_web_identity_token",
        "azure_ad_token",
        "base_url",
        "callbacks",
        "custom_llm_provider",
        "default_headers",
        "default_query",
        "drop_params",
        "additional_drop_params",
        "disable_global_guardrails",
        "enable_json_schema_validation",
        "extra_body",
        "extra_headers",
        "extra_query",
        "failure_callback",
        "include_fallback_errors",
        "litellm_params",
        "mock_tool_calls",
        "mock_testing_context_fallbacks",
        "mock_testing_content_policy_fallbacks",
        "mock_testing_fallbacks",
        "mock_testing_rate_limit_error",
        "modify_params",
        "num_retries",
        "organization",
        "policies",
        "router_settings_override",
        "specific_deployment",
        "success_callback",
        "target_model_names",
        "timeout",
        "user_config",
        "vertex_ai_credentials",
        "vertex_ai_location",
        "vertex_ai_project",
        "vertex_credentials",
        "vertex_location",
        "vertex_project",
    }
)

# Prefixes that no public API uses and that LiteLLM reads as its own.
_STEERING_PREFIXES = ("litellm_", "_litellm", "user_api_key_", "mock_testing_")

# Only these reach LiteLLM. The key, cookies, claims about the end user, `x-litellm-*` and the
# addresses of proxies stay at the gate.
_HEADERS = frozenset(
    {
        b"accept",
        b"anthropic-beta",
        b"anthropic-version",
        b"content-type",
        b"openai-beta",
        b"user-agent",
    }
)

# Only these of LiteLLM's answer leave.
_ANSWER_HEADERS = frozenset({b"content-type", b"content-length", b"cache-control"})

# Ways in which a caller may say who the end user is. They are kept for information.
_CLAIM_HEADERS = ("x-litellm-end-user-id", "x-litellm-customer-id")

Headers = Iterable[tuple[bytes, bytes]]


class Cleaner:
    """Takes the steering fields out of a request body.

    `litellm_fields` is `litellm.types.utils.all_litellm_params`, handed in by the gate so that
    this decision needs no import of LiteLLM.
    """

    def __init__(self, litellm_fields: Iterable[str]) -> None:
        self.denied = (frozenset(litellm_fields) | _OTHER_STEERING) - PUBLIC_FIELDS

    def steers(self, field: str) -> bool:
        """Whether a top-level body field would steer LiteLLM rather than the model."""
        return field in self.denied or field.startswith(_STEERING_PREFIXES)

    def body(self, fields: Mapping[str, Any], user_hash: str) -> dict[str, Any]:
        """The body without steering fields, and with `user_hash` for whoever it names as user.

        `metadata` keeps nothing but `user_id`: LiteLLM reads tags, spend logs, guardrails and
        trace ids from any other key there. The provider gets a stable hash, never an e-mail.
        """
        kept = {name: value for name, value in fields.items() if not self.steers(name)}
        if mapping(kept.pop("metadata", None)).get("user_id"):
            kept["metadata"] = {"user_id": user_hash}
        for name in ("user", "safety_identifier"):
            if kept.get(name):
                kept[name] = user_hash
        return kept


def request_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers that LiteLLM may see (names in lower case, as ASGI has them)."""
    return [(name, value) for name, value in headers if name in _HEADERS]


def answer_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of LiteLLM's answer that the client may see."""
    return [(name, value) for name, value in headers if name.lower() in _ANSWER_HEADERS]


def user_hash(end_user: str) -> str:
    """A stable stand-in for an end user's id or e-mail, for the provider's abuse detection."""
    return "u-" + hashlib.sha256(end_user.encode()).hexdigest()[:32]


def claimed_user(headers: Mapping[str, str], body: Mapping[str, Any]) -> str | None:
    """Who the request says its end user is: information for the log, never a decision."""
    for name in _CLAIM_HEADERS:
        if headers.get(name):
            return headers[name][:256]
    nested = mapping(body.get("metadata")).get("user_id")
    for claim in (body.get("user"), nested, body.get("safety_identifier")):
        if named := text(claim):
            return named[:256]
    return None
