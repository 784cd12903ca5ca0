"""The command-line clients: how each is started, and with which tool it writes a file.

Their settings are those of `sekisho connect --write`, so these tests are that command's, too.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Literal

from . import installation
from .installation import Group
from .job import Job, tool
from .scenarios import Writer

Api = Literal["messages", "chat", "responses", "google"]
Start = Callable[[Path, Job, str], Sequence[str]]  # the installation, the job, the prompt


@dataclass(frozen=True, slots=True)
class Client:
    """`tool` is its name for `sekisho connect`, which the SDKs don't need; `group` is where it is
    installed, None for the environment of these tests; `writes` is None where it has no tools."""

    title: str
    tool: str | None
    api: Api
    group: Group | Literal["pypi"] | None
    start: Start
    writes: Writer | None
    package: str
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def version(self) -> str:
        """The version that is locked for these tests."""
        if self.group is None:
            return metadata.version(self.package)
        return installation.locked(self.group)[self.package]

    def installed(self) -> Path:
        """Its installation. Raises Missing."""
        if self.group is None:
            return Path(sys.prefix)
        return installation.pypi() if self.group == "pypi" else installation.npm(self.group)


def _bin(folder: Path, name: str) -> str:
    return str(folder / "node_modules" / ".bin" / name)


def _program(folder: Path, pattern: str) -> str:
    """A program that a package brings for this machine, which its install script would link."""
    return str(min(folder.glob(f"node_modules/{pattern}"), key=lambda path: len(str(path))))


def _claude_code(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    program = _program(folder, "@anthropic-ai/claude-code-*/claude")
    allowed = ["--allowedTools", "Write,Read,Bash"]
    return [program, "-p", prompt, "--model", job.model, *allowed]


def _codex(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return [_bin(folder, "codex"), "exec", *free, "-m", job.model, prompt]


def _opencode(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    program = _program(folder, "opencode-*/bin/opencode")
    return [program, "run", "-m", f"sekisho/{job.model}", prompt]


def _cline(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    return [_bin(folder, "cline"), "-P", "litellm", "-m", job.model, prompt]


def _continue(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    return [_bin(folder, "cn"), "-p", prompt, "--auto"]


def _qwen_code(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    return [_bin(folder, "qwen"), "--yolo", "-m", job.model, "-p", prompt]


def _gemini_cli(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    return [_bin(folder, "gemini"), "--skip-trust", "--yolo", "-m", job.model, "-p", prompt]


def _aider(folder: Path, job: Job, prompt: str) -> Sequence[str]:
    alone = ["--no-git", "--no-auto-commits", "--no-check-update", "--analytics-disable"]
    model = ["--yes-always", "--model", f"openai/{job.model}"]
    return [str(folder / "aider"), *alone, *model, "--message", prompt]


def _python(program: str) -> Start:
    def start(folder: Path, job: Job, prompt: str) -> Sequence[str]:
        module = f"{__package__}.sdks.{program}"
        return [
            sys.executable,
            "-m",
            module,
            job.stage.gateway.url,
            job.stage.key,
            job.model,
            prompt,
        ]

    return start


def _node(program: str) -> Start:
    def start(folder: Path, job: Job, prompt: str) -> Sequence[str]:
        words = [job.stage.gateway.url, job.stage.key, job.model, prompt]
        return ["node", str(folder / f"{program}.mjs"), *words]

    return start


def _sdk_writes(path: Path, text: str) -> str:
    return tool("write_file", path=str(path), content=text)


def _sdk(title: str, package: str, api: Api, program: str, node: bool = False) -> Client:
    start = _node(program) if node else _python(program)
    group: Group | None = "rest" if node else None
    variables = {} if node else {"PYTHONPATH": str(Path(__file__).parents[2])}
    return Client(title, None, api, group, start, _sdk_writes, package, variables)


CLIENTS = (
    Client(
        "Claude Code",
        "claude-code",
        "messages",
        "first",
        _claude_code,
        lambda path, text: tool("Write", file_path=str(path), content=text),
        "@anthropic-ai/claude-code",
        {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"},
    ),
    Client(
        "Codex",
        "codex",
        "responses",
        "first",
        _codex,
        lambda path, text: tool("exec_command", cmd=f"printf {text} > {path}"),
        "@openai/codex",
    ),
    Client(
        "opencode",
        "opencode",
        "chat",
        "rest",
        _opencode,
        lambda path, text: tool("bash", command=f"printf {text} > {path}", description="Write"),
        "opencode-ai",
        {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
    ),
    Client(
        "Cline",
        "cline",
        "chat",
        "rest",
        _cline,
        lambda path, text: tool("run_commands", commands=[f"printf {text} > {path}"]),
        "cline",
    ),
    Client(
        "Continue",
        "continue",
        "chat",
        "rest",
        _continue,
        lambda path, text: tool("Write", filepath=str(path), content=text),
        "@continuedev/cli",
        {"CONTINUE_TELEMETRY_ENABLED": "0"},
    ),
    Client(
        "Qwen Code",
        "qwen-code",
        "chat",
        "rest",
        _qwen_code,
        lambda path, text: tool("write_file", file_path=str(path), content=text),
        "@qwen-code/qwen-code",
    ),
    Client(
        "Gemini CLI",
        "gemini-cli",
        "google",
        "rest",
        _gemini_cli,
        lambda path, text: tool("write_file", file_path=str(path), content=text),
        "@google/gemini-cli",
    ),
    Client("aider", "aider", "chat", "pypi", _aider, None, "aider-chat"),
    _sdk("openai-python, chat", "openai", "chat", "chat"),
    _sdk("openai-python, Responses", "openai", "responses", "responses"),
    _sdk("anthropic-python", "anthropic", "messages", "messages"),
    _sdk("google-genai, Python", "google-genai", "google", "google"),
    _sdk("openai-node, chat", "openai", "chat", "chat", node=True),
    _sdk("openai-node, Responses", "openai", "responses", "responses", node=True),
    _sdk("@anthropic-ai/sdk", "@anthropic-ai/sdk", "messages", "messages", node=True),
    _sdk("@google/genai", "@google/genai", "google", "google", node=True),
)
