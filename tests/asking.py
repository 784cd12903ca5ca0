"""Requests of each API to the gateway under test, and what of them went upstream."""

from typing import Any

import httpx

from .simulators import Simulator

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
API = ("chat", "messages", "responses", "generate")


class Asked:
    """Asks the gateway, and knows what went upstream."""

    def __init__(self, client: httpx.Client, clouds: Simulator) -> None:
        self._client = client
        self._clouds = clouds

    def post(self, path: str, model: str, **fields: Any) -> httpx.Response:
        """An answer with status 200."""
        self._clouds.clear()
        body = fields if "{" in path else {"model": model, **fields}
        answer = self._client.post(path.format(model=model), json=body)
        assert answer.status_code == 200, answer.text
        return answer

    def upstream(self) -> dict[str, Any]:
        """The body of the only request that a provider got."""
        (entry,) = [one for one in self._clouds.journal() if one["path"] != "/token"]
        body: dict[str, Any] = entry["body"]
        return body


def say(text: str) -> list[dict[str, Any]]:
    """One turn of a user."""
    return [{"role": "user", "content": text}]


def with_tool(api: str, name: str, text: str, stream: bool) -> tuple[str, dict[str, Any]]:
    """Path and body of a request with a tool."""
    flag: dict[str, Any] = {"stream": True} if stream else {}
    if api == "chat":
        tool: dict[str, Any] = {
            "type": "function",
            "function": {"name": name, "parameters": SCHEMA},
        }
        return "/v1/chat/completions", {"messages": say(text), "tools": [tool], **flag}
    if api == "messages":
        tool = {"name": name, "input_schema": SCHEMA}
        body = {"messages": say(text), "tools": [tool], "max_tokens": 500, **flag}
        return "/v1/messages", body
    if api == "responses":
        tool = {"type": "function", "name": name, "parameters": SCHEMA}
        return "/v1/responses", {"input": text, "tools": [tool], **flag}
    declared = {"functionDeclarations": [{"name": name, "parameters": SCHEMA}]}
    contents = [{"role": "user", "parts": [{"text": text}]}]
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/{{model}}:{verb}", {"contents": contents, "tools": [declared]}
