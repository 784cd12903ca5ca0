"""
title: Full document
author: Sekisho
version: 1.0.0
required_open_webui_version: 0.12.0
description: A switch in the chat. While it is on, attached files go to the model in full.
"""

# Open WebUI runs this file. Without the switch it searches attached files for the parts that fit
# the question, and the model sees only those. With it, every file of the message is sent whole, in
# this turn and in each turn after it: dearer, and right for "summarise this". Collections of the
# workspace are searched still: whole ones fit no model.

from typing import Any

_WHOLE = ("file", "text")
_ICON = (
    "data:image/svg+xml;base64,"
    "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyNCAyNCIgZmlsbD0ibm9u"
    "ZSIgc3Ryb2tlPSJjdXJyZW50Q29sb3IiIHN0cm9rZS13aWR0aD0iMS43NSI+PHBhdGggZD0iTTYgM2g4bDQgNHYxNEg2"
    "ek05IDExaDZNOSAxNGg2TTkgMTdoNiIvPjwvc3ZnPg=="
)


class Filter:
    """Changes a chat's request before Open WebUI looks into its files."""

    def __init__(self) -> None:
        self.toggle = True  # a switch for each chat, off until somebody turns it on
        self.icon = _ICON

    async def inlet(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for the whole of each attached file."""
        for file in body.get("files") or []:
            if file.get("type") in _WHOLE:
                file["context"] = "full"
        return body
