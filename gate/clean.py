"""What a request may carry past the gate: headers by an allow list, body fields by a deny list.

The deny list is LiteLLM's own list of parameters that steer the proxy, less those that are part of
a public API. A client that could send them would choose the provider's address or key, switch
logging off, or set its own price.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from ..untyped import mapping

# Fields of the public APIs that LiteLLM also counts among its own parameters. `metadata` and
# `id` are OpenAI's and Anthropic's; `max_retries`, `headers` and the like are not request fields.
PUBLIC_FIELDS = frozenset({"metadata"})

# Steering fields that are not in LiteLLM's list because they belong to its SDK or its proxy, or
# because it reads them without declaring them: `model_id` makes Bedrock serve another model than
# the one that was allowed and priced. tests/test_contract.py reads LiteLLM's source for more.
_OTHER_STEERING = frozenset(
    [
        "acancel_responses",
        "acompact_responses",
        "acreate_batch",
        "acreate_fine_tuning_job",
        "adapter_id",
        "additional_drop_params",
        "adelete_responses",
        "agent",
        "agent_id",
        "aget_responses",
        "alist_input_items",
        "amoderation",
        "anthropic-workspace-id",
        "anthropic_workspace_id",
        "api_type",
        "api_version",
        "apikey",
        "applied_guardrails",
        "arerank",
        "aresponses",
        "args",
        "arrival_time",
        "aspeech",
        "assistant_id",
        "async_complete_streaming_response",
        "atranscription",
        "base_url",
        "bucketOwner",
        "bucket_name",
        "cache_hit",
        "call_type",
        "callback_settings",
        "callbacks",
        "client_disconnected",
        "combined_usage_object",
        "complete_streaming_response",
        "completion_start_time",
        "config",
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "custom_endpoint",
        "custom_llm_provider",
        "default_headers",
        "default_query",
        "deployment",
        "deployment_id",
        "disable_fallbacks",
        "disable_global_guardrails",
        "drop_params",
        "enable_json_schema_validation",
        "encoding",
        "endpoint",
        "endpoint_url",
        "enforced_params",
        "engine",
        "error_information",
        "exception",
        "extra_body",
        "extra_headers",
        "extra_query",
        "failure_callback",
        "fake_stream",
        "fallback_model_group",
        "first_message",
        "follow_redirects",
        "functions_unsupported_model",
        "guardrail_config",
        "guardrail_to_apply",
        "include_fallback_errors",
        "include_guardrail_response",
        "initial_file_response",
        "initial_prompt_value",
        "is_async",
        "is_vertex_request",
        "json",
        "json_mode",
        "kwargs",
        "logging_obj",
        "mcp_tool_call_metadata",
        "media_source_bucket_owner",
        "media_source_s3_uri",
        "model_group",
        "model_group_retry_policy",
        "model_id",
        "model_resource_id_mapping",
        "model_response",
        "modify_params",
        "num_retries",
        "opted_out_global_guardrails",
        "optional_params",
        "organization",
        "original_batch_request",
        "original_function",
        "original_generic_function",
        "original_model_group",
        "output_s3_uri",
        "parent_otel_span",
        "passthrough",
        "passthrough_on_no_deployment",
        "performanceConfig",  # a faster Bedrock, at a price that the list does not have yet
        "policies",
        "predibase_tenant_id",
        "previous_models",
        "priority",
        "prompt_integration",
        "request_retry_count",
        "response_cost",
        "response_cost_failure_debug_information",
        "router_settings_override",
        "routing_decision",
        "routing_groups",
        "routing_strategy_args",
        "runtimeSessionId",
        "runtimeUserId",
        "s3_uri",
        "search_provider",
        "selected_guardrail",
        "session",
        "sessionID",
        "session_id",
        "specific_deployment",
        "spend_logs_metadata",
        "success_callback",
        "target_model_names",
        "thread_id",
        "timeout",
        "token",
        "trace_id",
        "universe_domain",
        "upload_url",
        "url",
        "use_psc_endpoint_format",
        "user_config",
        "vector_store_id",
        "vector_store_request_metadata",
        "video_s3_bucket_owner",
        "video_s3_uri",
        "workspace_id",
        "wx_credentials",
        "zero_cost_diagnostic",
    ]
)

# Prefixes that no public API uses and that LiteLLM reads as its own.
_STEERING_PREFIXES = (
    "_",
    "aws_",
    "azure_",
    "batch_",
    "gigachat_",
    "litellm_",
    "mock_",
    "standard_",
    "user_api_key",
    "vertex_",
    "watsonx_",
)

# Who the provider may take the end user for.
USER_FIELDS: tuple[str, ...] = ("user", "safety_identifier")

# The file parts of OpenAI's pictures and sound. No other part with a file name reaches LiteLLM.
FILE_PARTS = frozenset({"file", "image", "image[]", "mask", "mask[]"})
_NO_TEXT_FIELDS = frozenset({"metadata", "file", "image", "mask"})

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

Headers = Iterable[tuple[bytes, bytes]]


class Cleaner:
    """Takes the steering fields out of a request body.

    `litellm_fields` is `litellm.types.utils.all_litellm_params`, handed in by the gate so that
    this decision needs no import of LiteLLM.
    """

    def __init__(self, litellm_fields: Iterable[str]) -> None:
        self.denied = (frozenset(litellm_fields) | _OTHER_STEERING) - PUBLIC_FIELDS

    def steers(self, field: str) -> bool:
        """Whether a top-level body field would steer LiteLLM rather than the model.

        A form may write a nested field as `field[inner]`.
        """
        name = field.partition("[")[0]
        return name in self.denied or name.startswith(_STEERING_PREFIXES)

    def keeps_in_form(self, field: str) -> bool:
        """Whether a form's text field may pass.

        No API with uploads has `metadata`, so none of it does. What should be a file is none when
        it is text: LiteLLM might take it for a file's name.
        """
        return not self.steers(field) and field.partition("[")[0] not in _NO_TEXT_FIELDS

    def harmless(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that steer nothing. The log has no others: they may be another's passwords."""
        return {name: value for name, value in fields.items() if not self.steers(name)}


def body(harmless: Mapping[str, Any], user_hash: str) -> dict[str, Any]:
    """Harmless fields as LiteLLM gets them, with `user_hash` for whoever they name as user.

    `metadata` keeps nothing but `user_id`: LiteLLM reads tags, spend logs, guardrails and trace ids
    from any other key there. The provider gets a stable hash, never an e-mail.
    """
    kept = dict(harmless)
    if mapping(kept.pop("metadata", None)).get("user_id"):
        kept["metadata"] = {"user_id": user_hash}
    for name in USER_FIELDS:
        if kept.get(name):
            kept[name] = user_hash
    return kept


def request_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers that LiteLLM may see (names in lower case, as ASGI has them)."""
    return [(name, value) for name, value in headers if name in _HEADERS]


def answer_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of LiteLLM's answer that the client may see."""
    return [(name, value) for name, value in headers if name.lower() in _ANSWER_HEADERS]


def user_hash(end_user: str, secret: str) -> str:
    """A stable stand-in for an end user's id or e-mail, for the provider's abuse detection.

    `secret` is the gateway's master key: without one, whoever has a list of addresses could tell
    whose the stand-ins are.
    """
    digest = hmac.new(secret.encode(), f"end user:{end_user}".encode(), hashlib.sha256)
    return "u-" + digest.hexdigest()[:32]
