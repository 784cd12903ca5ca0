"""The gate: the ASGI front that boots LiteLLM's proxy and stands before it; HTTP comes in, and only
known routes, proven identities and clean bodies leave."""
