"""
title: User to gateway
author: Sekisho
version: 1.0.0
required_open_webui_version: 0.12.0
description: Tells the gateway in the request who asks and in which chat; headers do it better.
"""

# Open WebUI runs this file. It is for installations that send no user headers, and weaker than
# those: the gateway writes down what it says as a claim (`claimed_user`), never as the end user,
# since any user of Open WebUI's API can send the same fields. Nor does Open WebUI run it for
# titles, tags, embeddings, pictures and sound.

from typing import Any


class Filter:
    """Adds to each chat's request; `metadata` would be taken out again by Open WebUI."""

    async def inlet(
        self,
        body: dict[str, Any],
        __user__: dict[str, Any] | None = None,
        __metadata__: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Name the user by id, which tells nobody outside anything, and the chat."""
        user, about = __user__ or {}, __metadata__ or {}
        if user.get("id"):
            body["user"] = user["id"]
        chat = {name: about[name] for name in ("chat_id", "message_id") if about.get(name)}
        if chat:
            body["litellm_metadata"] = chat
        return body
