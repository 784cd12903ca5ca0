"""LiteLLM's MCP gateway inside our process, with the gate's decision in place of its own sign-in.

LiteLLM's handlers list and call the servers of `mcp_servers:`. Its HTTP routes are not used: they
would take keys, server names and credentials from headers, keep sessions in one worker's memory and
answer OAuth discovery. Here each message is a request of its own (the specification's stateless
streamable HTTP), so that any worker can answer it, and nothing but the message is the client's.
Every internal that this relies on is named in tests/test_contract_mcp.py.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from ..keys.identity import Identity

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class McpApp:
    """The MCP servers that LiteLLM's configuration names, for keys that the gate has let in."""

    def __init__(self, servers: Iterable[str], most_bytes: int) -> None:
        """`servers` are their names; `most_bytes` is the largest message."""
        self.servers = tuple(servers)
        self._most_bytes = most_bytes
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """For as long as messages can be passed on; imports nothing when there are no servers."""
        if not self.servers:
            yield
            return
        from litellm.proxy._experimental.mcp_server.server import server
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        self._manager = StreamableHTTPSessionManager(
            app=server, stateless=True, max_request_body_size=self._most_bytes
        )
        async with self._manager.run():
            yield
        self._manager = None

    def speaks(self, version: str) -> bool:
        """Whether it knows a version of the protocol, as `MCP-Protocol-Version` has it."""
        from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

        return version in HANDSHAKE_PROTOCOL_VERSIONS

    async def serve(
        self, identity: Identity, servers: Sequence[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Pass a message on; it reaches these servers and no others."""
        from litellm.proxy._experimental.mcp_server.mcp_context import mcp_gateway_server_name
        from litellm.proxy._experimental.mcp_server.server import set_auth_context

        assert self._manager is not None, "messages pass only while the gateway runs"
        set_auth_context(
            user_api_key_auth=caller(identity, servers), mcp_servers=list(servers), raw_headers={}
        )
        mcp_gateway_server_name.set(servers[0] if len(servers) == 1 else "sekisho")
        await self._manager.handle_request(scope, receive, send)


def caller(identity: Identity, servers: Sequence[str]) -> Any:
    """LiteLLM's form of somebody who may use these MCP servers, and nothing else."""
    from litellm.proxy._types import LiteLLM_ObjectPermissionTable, UserAPIKeyAuth

    permission = LiteLLM_ObjectPermissionTable(
        object_permission_id=identity.key_id, mcp_servers=list(servers)
    )
    return UserAPIKeyAuth(
        api_key=identity.key_id,
        object_permission_id=identity.key_id,
        object_permission=permission,
    )
