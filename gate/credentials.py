"""Where a caller may put its key: the places that the OpenAI, Anthropic and Azure clients use."""

from collections.abc import Mapping


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key that the request presents, or None when it presents none.

    `Authorization: Bearer` comes first, as in LiteLLM: Claude Code may send its own `x-api-key`
    beside it. `headers` has lower-case names.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else authorization
    for name in ("x-api-key", "api-key"):
        if name in headers:
            return headers[name].strip()
    return None
