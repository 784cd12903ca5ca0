"""
title: Cost line
author: Sekisho
version: 1.0.0
required_open_webui_version: 0.12.0
description: Shows under each answer what it cost, in the gateway's own figure, and its tokens.
"""

# Open WebUI runs this file. It computes nothing: `usage.cost` (USD) is what the gateway has
# computed and written into its log. An answer without it gets a line without a cost.

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, Field


class Filter:
    """Adds a status line to a finished answer."""

    class Valves(BaseModel):
        """What an admin may set in Open WebUI."""

        text: str = Field(
            default="{cost} · {input} tokens in, {output} out",
            description="The line; {cost}, {input} and {output} are filled in.",
        )
        text_without_cost: str = Field(
            default="{input} tokens in, {output} out",
            description="The line where the gateway names no cost.",
        )

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def outlet(
        self,
        body: dict[str, Any],
        __event_emitter__: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    ) -> dict[str, Any]:
        """Show the line under the last answer, if the provider has counted it."""
        messages = body.get("messages") or []
        usage = (messages[-1].get("usage") if messages else None) or {}
        line = self.line(usage)
        if line and __event_emitter__:
            data = {"description": line, "done": True}
            await __event_emitter__({"type": "status", "data": data})
        return body

    def line(self, usage: dict[str, Any]) -> str:
        """The line for a usage; empty when it has no tokens."""
        tokens_in = usage.get("input_tokens") or usage.get("prompt_tokens")
        tokens_out = usage.get("output_tokens") or usage.get("completion_tokens")
        if tokens_in is None and tokens_out is None:
            return ""
        cost = _usd(usage.get("cost"))
        filled = {
            "{cost}": cost,
            "{input}": f"{tokens_in or 0:,}",
            "{output}": f"{tokens_out or 0:,}",
        }
        text = self.valves.text if cost else self.valves.text_without_cost
        for name, value in filled.items():
            text = text.replace(name, value)
        return text


def _usd(cost: object) -> str:
    """Cents for what costs dollars, digits enough for what costs next to nothing; else nothing."""
    if isinstance(cost, bool) or not isinstance(cost, (int, float)):
        return ""
    if cost == 0 or cost >= 1:
        return f"${cost:,.2f}"
    if cost >= 0.01:
        return f"${cost:.4f}"
    return f"${cost:.6f}" if cost >= 0.000001 else "<$0.000001"
