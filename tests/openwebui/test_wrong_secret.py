"""Open WebUI signs its users with a secret that the gateway doesn't have."""

from pathlib import Path

import pytest

from . import stage

pytestmark = pytest.mark.openwebui


def test_wrong_secret(programs: Path, tmp_path: Path) -> None:
    """Nobody gets a model or an answer, no row names anybody, and `verify` says what to compare."""
    secret = "a-secret-that-the-gateway-does-not-have"
    with stage.start("jwt", programs, tmp_path, secret) as world:
        assert world.hanako.models() == []
        asked = {"model": stage.MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        refused = world.hanako.http.post("/api/chat/completions", json=asked)
        assert refused.status_code == 400
        speech = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello"}
        assert world.taro.http.post("/api/v1/audio/speech", json=speech).status_code >= 400
        verified = world.openwebui("verify")
        assert verified.code == 1
        assert "FORWARD_USER_INFO_HEADER_JWT_SECRET must be one of" in verified.out
        rows = [row for row in world.gateway.rows() if row.gen_ai_operation_name != "list_models"]
        assert rows != []
        known = {(row.status, row.error_type, row.end_user_id, row.end_user_email) for row in rows}
        assert known == {("refused", "end_user_token_invalid", None, None)}
        assert world.clouds.journal() == []
