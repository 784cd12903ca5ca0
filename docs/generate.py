"""`python -m docs.generate` writes the generated parts of docs/; `--check` only says what is stale.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`. Everything outside
these marks is written by hand and left alone.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
from sekisho import settings
from sekisho.callbacks.repairs import registry
from sekisho.cli.main import main as command_line
from sekisho.gate import surface
from sekisho.lake import columns
from sekisho.lake.asking import reports
from sekisho.pricing import catalog, table
from sekisho.pricing.overrides import price_of
from sekisho.providers import loader
from sekisho.providers.credentials import EVERY_CLOUD
from sekisho.providers.deployment import Deployment

FOLDER = Path(__file__).parent
_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_WIDTH = 80  # of the commands' help

_CLOUDS = {"bedrock": "Bedrock", "vertex": "Vertex AI", "azure": "Azure"}
_KINDS = {
    "chat": "chat",
    "responses": "chat, by the Responses API",
    "embedding": "embeddings",
    "rerank": "reranking",
    "image": "pictures",
    "transcription": "speech to text",
    "speech": "text to speech",
}


def deployments() -> list[Deployment]:
    """Every deployment of `providers/`, without the aliases that pin one cloud."""
    found = loader.load(EVERY_CLOUD).deployments
    named = [one for one in found if one.id == f"{one.alias}@{one.cloud}"]
    pinned = _pinned(named)
    return [one for one in named if one.alias not in pinned]


def _pinned(named: Sequence[Deployment]) -> set[str]:
    """`ALIAS-CLOUD` of each alias that is there without the cloud too."""
    aliases = {one.alias for one in named}
    return {name for a in aliases for cloud in _CLOUDS if (name := f"{a}-{cloud}") in aliases}


def models() -> str:
    """Each alias once: what it is for, on which clouds, and how much it reads and writes."""
    lines = [
        "| Alias | For | Clouds | Reads, tokens | Writes, tokens |",
        "|---|---|---|--:|--:|",
    ]
    by_alias: dict[str, list[Deployment]] = {}
    for one in deployments():
        by_alias.setdefault(one.alias, []).append(one)
    order = list(_KINDS)
    for alias, group in sorted(by_alias.items(), key=lambda item: order.index(item[1][0].mode)):
        cells = [f"`{alias}`", _KINDS[group[0].mode], _clouds(group)]
        cells += [_sizes(group, key) for key in ("max_input_tokens", "max_output_tokens")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _clouds(group: Sequence[Deployment]) -> str:
    return ", ".join(_CLOUDS[one.cloud] for one in group)


def _sizes(group: Sequence[Deployment], key: str) -> str:
    """The size that all clouds have, or each cloud's own; a dash where a model has none."""
    sizes = [one.model_info.get(key) for one in group]
    shown = ["-" if size is None else f"{size:,}" for size in sizes]
    return shown[0] if len(set(shown)) == 1 else " / ".join(shown)


def prices() -> str:
    """The price table, USD; token prices are per million."""
    return table.markdown((_CLOUDS[one.cloud], one) for one in deployments())


def sources() -> str:
    """Where each alias's price was read, and when."""
    lines = ["| Alias | Cloud | Date | Price id, as `sekisho prices show` takes it | Source |"]
    lines.append("|---|---|---|---|---|")
    known = catalog.load()
    for one in deployments():
        price = price_of(one, known)
        assert price is not None, f"{one.alias} has no price"
        cells = [f"`{one.alias}`", _CLOUDS[one.cloud], str(price.date), f"`{price.id}`"]
        lines.append(f"| {' | '.join(cells)} | {price.source} |")
    return "\n".join(lines) + "\n"


def counts() -> str:
    """How many models of each kind there are."""
    found = deployments()
    lines = [
        "| For | " + " | ".join(_CLOUDS.values()) + " | Aliases in all |",
        "|---|--:|--:|--:|--:|",
    ]
    for mode, words in _KINDS.items():
        ours = [one for one in found if one.mode == mode]
        numbers = [sum(one.cloud == cloud for one in ours) for cloud in _CLOUDS]
        numbers.append(len({one.alias for one in ours}))
        lines.append(f"| {words} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """The help of every command, as wide as a page whatever the terminal is."""
    parts = [
        f"{'#' * min(path.count(' ') + 2, 4)} `{path}`\n\n```text\n{text}\n```\n"
        for path, text in helps()
    ]
    return "\n" + "\n".join(parts) + "\n"


def helps() -> Iterator[tuple[str, str]]:
    """Each command's full name and its help."""
    yield from _helps(command_line, "sekisho", None)


def _helps(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        **command.context_settings,
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            found = command.get_command(context, verb)
            assert found is not None
            yield from _helps(found, verb, context)


PARTS: Mapping[str, Callable[[], str]] = {
    "routes": surface.markdown_table,
    "settings": settings.markdown_table,
    "columns": columns.markdown,
    "payload-columns": columns.payload_markdown,
    "reports": reports.markdown,
    "model-counts": counts,
    "models": models,
    "prices": prices,
    "price-sources": sources,
    "commands": commands,
    "repairs": registry.markdown_table,
}


def fresh(text: str) -> str:
    """A document with its generated parts made anew. Raises KeyError for an unknown part."""
    return _PART.sub(lambda found: found[1] + PARTS[found[2]]() + found[4], text)


def stale() -> list[Path]:
    """The documents whose generated parts no longer say what the code says."""
    return [path for path in _documents() if fresh(text := path.read_text()) != text]


def _documents() -> list[Path]:
    return sorted(FOLDER.glob("*.md"))


def main(words: Sequence[str]) -> int:
    """Write what is stale and return 0; with `--check` only name it and return 1."""
    if list(words) not in ([], ["--check"]):
        sys.stderr.write("usage: python -m docs.generate [--check]\n")
        return 2
    found = stale()
    for path in found:
        if words:
            sys.stderr.write(f"docs/{path.name} is stale; type: python -m docs.generate\n")
        else:
            path.write_text(fresh(path.read_text()))
            sys.stdout.write(f"wrote docs/{path.name}\n")
    return 1 if words and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
