"""The documents say what the code does: tables are fresh, names are there, links lead somewhere."""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import click
import pytest
from sekisho import settings
from sekisho.cli.main import main as command_line
from sekisho.docs import generate
from sekisho.gate import surface
from sekisho.keys.identity import Reason, refuse
from sekisho.lake import columns

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def _documents() -> list[Path]:
    """Every Markdown file of the repository, without what tools and builds leave behind."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    left = ("build", "dist", "node_modules")
    return sorted(p for p in found if not any(x.startswith(".") or x in left for x in p.parts))


ALL = _documents()
each_document = pytest.mark.parametrize("path", ALL, ids=str)


def _text(path: Path | str) -> str:
    return (ROOT / path).read_text()


_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def _prose(text: str) -> str:
    """A document without its code blocks."""
    return _BLOCK.sub("", text)


# Generated parts


def test_generated_parts_are_fresh() -> None:
    """`python -m docs.generate` would change nothing."""
    assert [path.name for path in generate.stale()] == []


def test_every_part_has_a_place() -> None:
    """Each generated part stands in exactly one document."""
    marked = [
        name for path in ALL for name in re.findall(r"<!-- generated: (\S+) -->", _text(path))
    ]
    assert sorted(marked) == sorted(generate.PARTS)


def test_check_names_the_stale_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` exits 1 and leaves the file; without it the file is written, once."""
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    page = tmp_path / "page.md"
    stale = "Before.\n<!-- generated: routes -->\nold\n<!-- end -->\nAfter.\n"
    page.write_text(stale)
    assert generate.main(["--check"]) == 1
    assert "docs/page.md is stale" in capsys.readouterr().err
    assert page.read_text() == stale
    assert generate.main([]) == 0
    assert page.read_text().startswith("Before.\n<!-- generated: routes -->\n| Method |")
    assert page.read_text().endswith("<!-- end -->\nAfter.\n")
    assert generate.main(["--check"]) == 0


def test_other_words_are_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt flag writes nothing and exits 2."""
    assert generate.main(["--chek"]) == 2
    assert "usage:" in capsys.readouterr().err


# Everything that has a name is documented


@pytest.mark.parametrize("name", [variable.name for variable in settings.VARIABLES])
def test_every_setting_is_documented(name: str) -> None:
    """docs/variables.md has a row for each of our settings."""
    assert f"| `{name}` |" in _text("docs/variables.md")


def _names_of_variables() -> set[str]:
    """Variables that the provider files refer to, and that our code reads by name."""
    found: set[str] = set()
    for room in ("cli", "gate", "keys", "lake", "pricing", "providers"):
        for path in (ROOT / room).rglob("*.py"):
            found |= set(re.findall(r'"(SEKISHO_[A-Z_]+)"', path.read_text()))
    for path in (ROOT / "providers").glob("*.yaml"):
        found |= set(re.findall(r"os\.environ/([A-Z_]+)", path.read_text()))
    for path in (*(ROOT / "providers").glob("*.py"), ROOT / "gate" / "entry.py"):
        found |= set(re.findall(r'"((?:[A-Z]+)_[A-Z_]+)"', path.read_text()))
    return found - {"SPECIAL_MODEL_INFO_PARAMS"}  # a name inside LiteLLM


@pytest.mark.parametrize("name", sorted(_names_of_variables()))
def test_every_variable_of_the_clouds_is_documented(name: str) -> None:
    """docs/variables.md tells what each variable means that decides something."""
    assert f"`{name}`" in _text("docs/variables.md") or f"`{name}=" in _text("docs/variables.md")


@pytest.mark.parametrize("name", columns.NAMES)
def test_every_column_is_documented(name: str) -> None:
    """docs/columns.md has a row for each column of the log."""
    assert f"| `{name}` |" in _text("docs/columns.md")


@pytest.mark.parametrize("path", [path for route in surface.ROUTES for path in route.paths])
def test_every_route_is_documented(path: str) -> None:
    """docs/routes.md names each served path."""
    assert f"`{path}`" in _text("docs/routes.md")


@pytest.mark.parametrize("path", [path for path, _ in generate.helps()])
def test_every_command_is_documented(path: str) -> None:
    """docs/cli.md has the help of each command."""
    assert re.search(rf"^#+ `{path}`$", _text("docs/cli.md"), re.MULTILINE)


def _codes() -> set[str]:
    """Every `error.code` that the gate itself can answer."""
    reasons: tuple[Reason, ...] = get_args(Reason)
    found = {refuse(reason, "").openai_code for reason in reasons}
    for path in (ROOT / "gate").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Failure":
                found |= _code_of(node)
    return found


def _code_of(call: ast.Call) -> set[str]:
    given = [*call.args[2:3], *(word.value for word in call.keywords if word.arg == "code")]
    return {str(node.value) for node in given if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("code", sorted(_codes()))
def test_every_refusal_is_documented(code: str) -> None:
    """docs/errors.md tells what each error code means."""
    assert f"`{code}`" in _text("docs/errors.md")


def _repairs() -> list[str]:
    modules = sorted((ROOT / "callbacks").glob("*.py"))
    docs = {path.name: ast.get_docstring(ast.parse(path.read_text())) for path in modules}
    return [name for name, doc in docs.items() if (doc or "").startswith("Repair:")]


@pytest.mark.parametrize("name", _repairs())
def test_every_repair_is_told(name: str) -> None:
    """What we change in LiteLLM stands in ARCHITECTURE.md and in the changelog."""
    assert f"`{name}`" in _text("ARCHITECTURE.md")
    assert f"`callbacks/{name}`" in _text("CHANGELOG.md")


def _dependencies() -> list[str]:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    return [re.split(r"[^\w.-]", line)[0] for line in project["dependencies"]]


@pytest.mark.parametrize("name", _dependencies())
def test_every_dependency_is_explained(name: str) -> None:
    """docs/dependencies.md says why each package is there."""
    assert f"`{name}`" in _text("docs/dependencies.md")


# What documents say is there


def _code(text: str) -> Iterator[str]:
    """Code blocks line by line, and code in the text."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from str(block).splitlines()
    yield from re.findall(
        r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )


def _commands(text: str) -> set[tuple[str, ...]]:
    """The words after each `sekisho` that begins a line of code or follows `$(`."""
    found: set[tuple[str, ...]] = set()
    for line in _code(text):
        for words in re.findall(r"(?:^|\$\()sekisho((?: [a-z]+)*)", line):
            found.add(tuple(str(words).split()))
    return found


# Named as not there yet.
_PLANNED = {("connect",)}


@each_document
def test_commands_exist(path: Path) -> None:
    """A document shows no command that Sekisho does not have."""
    for words in _commands(_text(path)) - _PLANNED:
        command: click.Command | None = command_line
        for word in words:
            if not isinstance(command, click.Group):
                break  # the rest are arguments
            command = command.get_command(click.Context(command), word)
            assert command is not None, f"sekisho {' '.join(words)}"


@pytest.mark.parametrize("name", ["README.md", "README.ja.md", "CHANGELOG.md"])
def test_figures_in_the_text_are_right(name: str) -> None:
    """The number of models, and in the READMEs that of routes, are those of the code."""
    text = _text(name)
    models = len({one.alias for one in generate.deployments()})
    assert re.search(rf"\b{models} (models|種類のモデル)", text)
    if name.startswith("README"):
        paths = sum(len(route.paths) for route in surface.ROUTES)
        assert re.search(rf"\b{len(surface.ROUTES)} (routes|ルート) ?\({paths} (paths|パス)", text)


def test_columns_that_are_not_filled_are_columns() -> None:
    """docs/columns.md names no column that there isn't."""
    part = _text("docs/columns.md").partition("## Not filled yet")[2].partition(";")[0]
    named = re.findall(r"`(\w+)`", part)
    assert set(named) - {"none"} <= set(columns.NAMES)


# Links


def _anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", _prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link is a file of the repository, and its anchor one of its headings."""
    for link in re.findall(r"\]\(([^)\s]+)\)", _text(path)):
        target, _, anchor = str(link).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (ROOT / path.parent / target).resolve() if target else ROOT / path
        assert file.exists(), link
        assert ROOT in file.parents, link
        assert not anchor or anchor in _anchors(file.read_text()), link


# Two languages


def _outline(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", _prose(text), re.MULTILINE)]


def _blocks(text: str) -> list[list[str]]:
    """The commands of each code block, without comments."""
    return [
        [re.sub(r"\s+# .*", "", line) for line in str(block).splitlines()]
        for block in _BLOCK.findall(text)
    ]


def _tables(text: str) -> list[int]:
    """The number of cells in each row of each table."""
    return [line.count("|") for line in text.splitlines() if line.startswith("|")]


def _targets(text: str) -> Mapping[str, int]:
    links = [str(link) for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    return {link: links.count(link) for link in links if not link.startswith("README")}


def test_japanese_readme_has_the_same_structure() -> None:
    """The same headings, commands, tables and links in both languages."""
    english, japanese = _text("README.md"), _text("README.ja.md")
    assert _outline(japanese) == _outline(english)
    assert _blocks(japanese) == _blocks(english)
    assert _tables(japanese) == _tables(english)
    assert _targets(japanese) == _targets(english)


# What no document has

# In pieces, so that this file does not name them either.
_REGISTRIES = re.compile(r"py[p]i\.|python[h]osted|npm[j]s|crates\.[i]o|[q]uay\.io|ghcr\.[i]o")
_MACHINES = re.compile(r"(?<![\w.~])/(?:root|work|home|Users|tmp)/")


@each_document
def test_nothing_of_this_machine(path: Path) -> None:
    """No package registry and no folder of somebody's machine is named."""
    assert not _REGISTRIES.search(_text(path))
    assert not _MACHINES.search(_text(path))


@each_document
def test_lines_are_short(path: Path) -> None:
    """Prose is wrapped at 100 columns; tables, code and generated parts may be wider."""
    text = re.sub(r"<!-- generated: .*?<!-- end -->", "", _prose(_text(path)), flags=re.DOTALL)
    assert [line for line in text.splitlines() if len(line) > 100 and line[0] != "|"] == []


def test_the_picture_loads_nothing() -> None:
    """The picture of the README is a real file without fonts or pictures from elsewhere."""
    picture = (DOCS / "session.svg").read_text()
    assert "sekisho&#160;usage" in picture
    assert not re.search(r"""url\(["']?http|<image|@import|<script""", picture)
