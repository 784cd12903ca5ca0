"""The columns of `llm_usage` and `llm_payload`, once: names, types, meaning; the rest derives.

OpenTelemetry GenAI attribute names (dots become underscores) where they exist, FOCUS names for
money, our own otherwise. New columns go at the end and raise `SCHEMA_VERSION`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SCHEMA_VERSION = 2

TEXT, TEXTS, TIME, REAL = "VARCHAR", "VARCHAR[]", "TIMESTAMP", "DOUBLE"
COUNT, SMALL, YES_NO = "BIGINT", "INTEGER", "BOOLEAN"
MONEY, MONEY_MAP = "DECIMAL(18,12)", "MAP(VARCHAR, DECIMAL(18,12))"
UNIT_MAP = "MAP(VARCHAR, DECIMAL(18,6))"
ATTEMPTS = (
    "STRUCT(deployment_id VARCHAR, provider VARCHAR, model VARCHAR, "
    "http_response_status_code INTEGER, error_type VARCHAR, duration_ms DOUBLE)[]"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `type` is DuckDB's, and so Parquet's; `meaning` is one sentence with the unit."""

    name: str
    type: str
    meaning: str


COLUMNS = (
    Column("request_id", TEXT, "Made by the gate for each request, unique."),
    Column("trace_id", TEXT, "Trace of the caller's `traceparent`, or one made by the gate."),
    Column("gen_ai_conversation_id", TEXT, "Conversation or session that the client named."),
    Column("start_time", TIME, "UTC, when the gate had the request's head."),
    Column("end_time", TIME, "UTC, when the row was written, just before the last byte left."),
    Column("duration_ms", REAL, "From `start_time` to `end_time`, in milliseconds."),
    Column("time_to_first_token_ms", REAL, "Until the first piece of a stream, in milliseconds."),
    Column("gateway_overhead_ms", REAL, "Until the provider was asked first, in milliseconds."),
    Column("route", TEXT, "Path of the request; an alias in it is `{model}`."),
    Column("gen_ai_operation_name", TEXT, "What was done: chat, embeddings, rerank and so on."),
    Column("gen_ai_provider_name", TEXT, "Provider that answered, as `aws.bedrock`."),
    Column("gen_ai_request_model", TEXT, "The alias that the client asked for."),
    Column("gen_ai_response_model", TEXT, "The provider's id of the model that answered."),
    Column("gen_ai_request_stream", YES_NO, "Whether the client asked for a stream."),
    Column("deployment_id", TEXT, "Deployment that answered."),
    Column("attempts", ATTEMPTS, "Every call to a provider, retries and fallbacks too, in order."),
    Column("api_key_id", TEXT, "Id of the key, as `keys list` shows it."),
    Column("api_key_alias", TEXT, "Alias of the key."),
    Column("api_key_kind", TEXT, "`person`, `service` or `frontend`."),
    Column("owner", TEXT, "E-mail address of the key's owner."),
    Column("team", TEXT, "Team of the key."),
    Column("end_user_id", TEXT, "Proven id of the end user."),
    Column("end_user_email", TEXT, "Proven e-mail address of the end user."),
    Column("end_user_name", TEXT, "Proven name of the end user."),
    Column("end_user_source", TEXT, "What proved it: `key`, `jwt`, `header`, `slack` or `none`."),
    Column("claimed_user", TEXT, "User that the request claimed without proof."),
    Column("app", TEXT, "Program that asked, from key and user agent, as `claude-code`."),
    Column("task", TEXT, "What a frontend asked for beside the chat, as `title_generation`."),
    Column("chat_id", TEXT, "The frontend's id of the chat."),
    Column("message_id", TEXT, "The frontend's id of the message."),
    Column("tags", TEXTS, "Labels of the key and the request."),
    Column("gen_ai_usage_input_tokens", COUNT, "All input tokens, cached ones included."),
    Column("gen_ai_usage_output_tokens", COUNT, "All output tokens, reasoning included."),
    Column("gen_ai_usage_cache_read_input_tokens", COUNT, "Input tokens read from a cache."),
    Column("gen_ai_usage_cache_creation_input_tokens", COUNT, "Input tokens written to a cache."),
    Column("gen_ai_usage_reasoning_output_tokens", COUNT, "Output tokens spent on reasoning."),
    Column("other_units", UNIT_MAP, "What else was billed: images, seconds, queries, pages."),
    Column("billed_cost", MONEY, "Cost in `billing_currency`; NULL when there is no price."),
    Column("billing_currency", TEXT, "ISO 4217 code, `USD`."),
    Column("is_priced", YES_NO, "False when something was used that has no price."),
    Column("cost_breakdown", MONEY_MAP, "Cost of each unit, in `billing_currency`."),
    Column("price_version", TEXT, "Version of the price list that was used."),
    Column(
        "status",
        TEXT,
        "`success`, `failure`, `refused` (by the gate), `cancelled` (by the client), `truncated` "
        "(by the provider) or `interrupted` (the gateway died).",
    ),
    Column("http_response_status_code", SMALL, "HTTP status that the client got."),
    Column("error_type", TEXT, "Kind of error or reason of the refusal."),
    Column("error_message", TEXT, "What the client was told went wrong."),
    Column("gen_ai_response_finish_reasons", TEXTS, "Why each answer ended, as `stop`."),
    Column("gateway_cache_hit", YES_NO, "Whether the gateway answered from its own cache."),
    Column("client_address", TEXT, "IP address of the client."),
    Column("user_agent", TEXT, "The client's `User-Agent`."),
    Column("gateway_instance", TEXT, "Process that wrote the row."),
    Column("schema_version", SMALL, "Version of these columns."),
    Column(
        "usage_is_estimated",
        YES_NO,
        "Whether tokens, and so the cost, are the gateway's estimate: the answer broke off before "
        "the provider told.",
    ),
    Column(
        "payload_logged",
        TEXT,
        "What `llm_payload` has of it: `full`, `hash`, `none` or `shed` (no room on the disk).",
    ),
    Column("batch_id", TEXT, "Batch that brought the row to the lake; NULL while in the spool."),
    Column("original_billed_cost", MONEY, "What `billed_cost` was before it was restated first."),
    Column("restated_at", TIME, "UTC, when `billed_cost` was restated last."),
    Column("restated_reason", TEXT, "Why it was restated."),
    Column(
        "service_tier",
        TEXT,
        "Service tier of the prices that were taken: `standard`, `priority` or `flex`.",
    ),
)
NAMES = tuple(column.name for column in COLUMNS)

PAYLOAD_COLUMNS = (
    Column("request_id", TEXT, "That of the row in `llm_usage`."),
    Column("start_time", TIME, "UTC, as in `llm_usage`."),
    Column(
        "gen_ai_input_messages",
        TEXT,
        "What was asked: JSON, a list of messages in OpenTelemetry's GenAI schema (`role`, "
        "`parts`).",
    ),
    Column(
        "gen_ai_output_messages",
        TEXT,
        "What was answered: JSON, the same, with `finish_reason`.",
    ),
    Column("request_parameters", TEXT, "JSON, the request without its messages."),
    Column("truncated", YES_NO, "Whether something was too long and is marked as cut."),
    Column("batch_id", TEXT, "Batch that brought the row to the lake."),
    Column("schema_version", SMALL, "Version of these columns."),
)
PAYLOAD_NAMES = tuple(column.name for column in PAYLOAD_COLUMNS)


def markdown(columns: Sequence[Column] = COLUMNS) -> str:
    """The columns as a Markdown table, for docs."""
    rows = [f"| `{column.name}` | `{column.type}` | {column.meaning} |" for column in columns]
    return "\n".join(["| Column | Type | Meaning |", "|---|---|---|", *rows]) + "\n"


def payload_markdown() -> str:
    """The columns of `llm_payload` as a Markdown table, for docs."""
    return markdown(PAYLOAD_COLUMNS)
