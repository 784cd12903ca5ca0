"""Where a caller may put its key: the places that the vendors' own clients use."""

from collections.abc import Mapping
from urllib.parse import parse_qs

# The last one is what Cline sends when it asks for `/v1/model/info`.
_HEADERS = ("x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key")


def bearer(headers: Mapping[str, str], query: bytes = b"") -> str | None:
    """The key that the request presents, or None when it presents none.

    `Authorization: Bearer` comes first, as in LiteLLM: Claude Code may send its own `x-api-key`
    beside it. One without a key counts as not sent. `headers` has lower-case names. `query` is a
    query string in which a key may stand (`?key=`): Google's routes have that, and no others.
    """
    authorization = headers.get("authorization", "").strip()
    scheme, _, token = authorization.partition(" ")
    presented = token.strip() if scheme.lower() == "bearer" else authorization
    others = (headers.get(name, "").removeprefix("Bearer ").strip() for name in _HEADERS)
    return presented or next(filter(None, others), None) or _in_query(query)


def _in_query(query: bytes) -> str | None:
    try:
        found = parse_qs(query.decode("latin-1"), max_num_fields=100) if query else {}
    except ValueError:  # an absurd number of names
        return None
    return next(iter(found.get("key", ())), None)
