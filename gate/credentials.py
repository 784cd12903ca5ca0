"""Where a caller may put its key: the places that the OpenAI, Anthropic and Azure clients use."""

from collections.abc import Mapping


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key that the request presents, or None when it presents none.

    `Authorization: Bearer` comes first, as in LiteLLM: Claude Code may send its own `x-api-key`
    beside it. One without a key counts as not sent. `headers` has lower-case names.
    """
    authorization = headers.get("authorization", "").strip()
    scheme, _, token = authorization.partition(" ")
    presented = token.strip() if scheme.lower() == "bearer" else authorization
    others = (headers.get(name, "").strip() for name in ("x-api-key", "api-key"))
    return presented or next(filter(None, others), None)
