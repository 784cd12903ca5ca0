"""Settings files that people edit: a value is put in or taken out, and every other byte stays."""

import json
import re
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sekisho.connect.formats import dotenv, jsonc, toml
from sekisho.connect.formats import yaml as yaml_format
from sekisho.connect.formats.paths import Item, Path, Unmergeable

JSONC = """// Mine, from 2025
{
    "model": "opus", // the big one
    /* my variables */
    "env": {
        "EDITOR": "vi" // really
    },
    "list": [
        {"id": "a", "n": 1},
    ],
    "empty": {},
}
"""

# What is put where, and the lines that are then there instead of others.
JSONC_PUTS: list[tuple[Path, Any, str, str]] = [
    (("model",), "haiku", '"opus"', '"haiku"'),
    (("env", "EDITOR"), "ed", '"vi"', '"ed"'),
    (
        ("env", "URL"),
        "http://x",
        '"EDITOR": "vi" // really\n',
        '"EDITOR": "vi", // really\n        "URL": "http://x"\n',
    ),
    (
        ("list", Item("id", "a")),
        {"id": "a"},
        '{"id": "a", "n": 1}',
        '{\n            "id": "a"\n        }',
    ),
    (
        ("list", Item("id", "b")),
        {"id": "b"},
        '{"id": "a", "n": 1},\n',
        '{"id": "a", "n": 1},\n        {\n            "id": "b"\n        },\n',
    ),
    (("list", Item("id", "a"), "m"), 2, '"n": 1}', '"n": 1, "m": 2}'),
    (("empty", "a"), 1, "{},", '{\n        "a": 1\n    },'),
    (("new", "a"), True, '"empty": {},', '"empty": {},\n    "new": {\n        "a": true\n    },'),
]


@pytest.mark.parametrize(("path", "value", "old", "new"), JSONC_PUTS, ids=lambda x: str(x)[:30])
def test_jsonc_keeps_what_is_around(path: Path, value: Any, old: str, new: str) -> None:
    """Only the lines of the value change: comments, commas and indentation are the file's own."""
    assert JSONC.count(old) == 1
    assert jsonc.put(JSONC, path, value) == JSONC.replace(old, new)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("{}\n", '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ('{"z": 1}', '{"z": 1, "a": {"b": 1}}'),
        ('{"z": 1,}', '{"z": 1, "a": {"b": 1}}'),
        ('{"a": {}}', '{"a": {\n  "b": 1\n}}'),
        ("{\n  // nothing yet\n}", '{\n  // nothing yet\n  "a": {\n    "b": 1\n  }\n}'),
        ('{\r\n\t"z": 1\r\n}', '{\r\n\t"z": 1,\r\n\t"a": {\r\n\t\t"b": 1\r\n\t}\r\n}'),
        ('\ufeff{"a": {"b": 0}}', '\ufeff{"a": {"b": 1}}'),
        ('{"a": {"b": 0}, "a": {"b": 2}}', '{"a": {"b": 0}, "a": {"b": 1}}'),
    ],
)
def test_jsonc_of_every_shape(text: str, after: str) -> None:
    """Empty files, one-liners, tabs, CRLF, a mark of byte order: each stays in its own style."""
    assert jsonc.put(text, ("a", "b"), 1) == after


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ('{\n  "a": 1,\n  "b": 2\n}', ("a",), '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', ("b",), '{\n  "a": 1\n}'),
        ('{\n  "a": 1, // one\n  "b": 2\n}', ("b",), '{\n  "a": 1 // one\n}'),
        ('{\n  "a": 1,\n  "b": 2,\n}', ("b",), '{\n  "a": 1,\n}'),
        ('{\n  "a": 1\n}', ("a",), "{}"),
        ('{"a": {"b": 1, "c": 2}}', ("a", "b"), '{"a": { "c": 2}}'),
        ('[{"id": "x"}, {"id": "y"}]', (Item("id", "y"),), '[{"id": "x"}]'),
    ],
)
def test_jsonc_drops_a_member(text: str, path: Path, after: str) -> None:
    """A member goes with its comma and its line; comments of others stay."""
    assert jsonc.drop(text, path) == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is not JSON"),
        ('{"a" 1}', "it is not JSON: line 1: a key is expected"),
        ('{"a": 1\n "b": 2}', "it is not JSON: line 2: a comma is missing"),
        ("{} {}", "it is not JSON: there is something after the end"),
        ("{]", "it is not JSON: brackets don't match"),
        ("{'a': 1}", "it is not JSON"),
    ],
)
def test_jsonc_that_is_none_is_refused(text: str, reason: str) -> None:
    """What a client couldn't read isn't touched, and the reason is told."""
    with pytest.raises(Unmergeable, match=re.escape(reason)):
        jsonc.put(text, ("a",), 1)


TOML = """# Mine
model = "o4" # old

[tui] # looks
theme = "dark"

[model_providers.azure]
name = "Azure"
"""


def test_toml_keeps_comments_and_tables() -> None:
    """Keys of the top stand before the tables, a new table beside its like; the rest stays."""
    text = toml.put(TOML, ("model",), "gpt")
    text = toml.put(text, ("model_provider",), "sekisho")
    text = toml.put(text, ("model_providers", "sekisho", "name"), "Sekisho")
    assert tomllib.loads(text) == {
        "model": "gpt",
        "model_provider": "sekisho",
        "tui": {"theme": "dark"},
        "model_providers": {"azure": {"name": "Azure"}, "sekisho": {"name": "Sekisho"}},
    }
    kept = ["# Mine", "# old", "[tui] # looks", 'theme = "dark"', "[model_providers.azure]"]
    assert [line for line in kept if line not in text] == []
    assert "[model_providers]\n" not in text


def test_toml_from_nothing() -> None:
    """A new file has the keys and one table, and no empty tables around it."""
    text = toml.put(toml.put("", ("model",), "gpt"), ("model_providers", "s", "name"), "S")
    assert text == 'model = "gpt"\n\n[model_providers.s]\nname = "S"\n'


YAML = """# Mine
name: My assistant   # a name
models:
  # the first
  - name: Old
    model: gpt-4  # cheap
    roles: [chat]

  - name: Other
    provider: ollama

rules:
- Be kind
"""


def test_yaml_appends_an_item() -> None:
    """An item is put after the last one, indented like it; no other line changes."""
    after = yaml_format.put(YAML, ("models", Item("name", "New")), {"name": "New", "a": [1]})
    old = "    provider: ollama\n"
    assert after == YAML.replace(old, old + "  - name: New\n    a:\n    - 1\n")


def test_yaml_replaces_an_item() -> None:
    """An item that is there already is replaced where it stands."""
    after = yaml_format.put(YAML, ("models", Item("name", "Old")), {"name": "Old", "model": "x"})
    old = "  - name: Old\n    model: gpt-4  # cheap\n    roles: [chat]\n"
    assert after == YAML.replace(old, "  - name: Old\n    model: x\n")


def test_yaml_replaces_a_value() -> None:
    """A value is replaced, its comment stays; a new key comes at the end."""
    after = yaml_format.put(YAML, ("name",), "yes: no")
    assert after == YAML.replace("My assistant ", "'yes: no' ")
    assert yaml_format.put(YAML, ("weak",), False) == YAML + "weak: false\n"


def test_yaml_drops() -> None:
    """An item and a key go with their lines."""
    assert yaml_format.drop(YAML, ("models", Item("name", "Other"))) == YAML.replace(
        "  - name: Other\n    provider: ollama\n", ""
    )
    assert yaml_format.drop(YAML, ("rules",)) == YAML.replace("rules:\n- Be kind\n", "")


def test_yaml_drops_the_only_item() -> None:
    """A list without items is written as such, since nothing would be no list."""
    text = "models: # all\n# one\n- name: a\n  b: 1\nrules: []\n"
    after = yaml_format.drop(text, ("models", Item("name", "a")))
    assert after == "models: [] # all\n# one\nrules: []\n"


@pytest.mark.parametrize("text", ["models: [{name: a}]\n", "models: {a: b}\n", "- a\n", "a: [\n"])
def test_yaml_of_other_shapes_is_refused(text: str) -> None:
    """What can't be changed line by line isn't touched."""
    with pytest.raises(Unmergeable):
        yaml_format.put(text, ("models", Item("name", "New")), {"name": "New"})


def test_dotenv() -> None:
    """A variable's own line changes, with its `export`; a new one comes last."""
    text = "# mine\nexport A=1\nB='two words'  \nA=3"
    assert dotenv.read(text) == {"A": "3", "B": "two words"}
    assert dotenv.put(text, ("A",), "4") == "# mine\nexport A=1\nB='two words'  \nA=4"
    assert dotenv.put(text, ("C",), "x") == text + "\nC=x\n"
    assert dotenv.drop(text, ("A",)) == "# mine\nB='two words'  \n"


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NAMES
DATA = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS, lambda c: st.lists(c, max_size=3) | st.dictionaries(NAMES, c, max_size=3)
    ),
    max_size=4,
)
INDENTS = st.sampled_from([None, 1, 2, 4, "\t"])


@settings(max_examples=60, deadline=None)
@given(DATA, INDENTS, st.lists(NAMES, min_size=1, max_size=3), SCALARS)
def test_jsonc_means_what_was_meant(data: Any, indent: Any, path: list[str], value: Any) -> None:
    """Whatever the file, the value is there afterwards, all others are as they were."""
    expected = json.loads(json.dumps(data))
    inner = expected
    for key in path[:-1]:
        if not isinstance(inner.setdefault(key, {}), dict):
            return  # refused, see the plan's tests
        inner = inner[key]
    inner[path[-1]] = value
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    assert json.loads(jsonc.put(text, tuple(path), value)) == expected
    assert jsonc.read(jsonc.put(text, tuple(path), value)) == expected


@settings(max_examples=50, deadline=None)
@given(DATA, st.booleans())
def test_jsonc_keeps_every_comment(data: Any, trailing: bool) -> None:
    """Comments at the end of each line, and commas after each last member, survive put and drop."""
    lines = json.dumps(data, indent=2).split("\n")
    text = "".join(f'{line} // {n}, "a": 1\n' for n, line in enumerate(lines))
    if trailing:
        text = re.sub(r"([^\s{\[,])( // [^\n]*\n\s*[}\]])", r"\1,\2", text)
    after = jsonc.put(text, ("sekisho", "b"), [1])
    assert jsonc.read(after) == {**data, "sekisho": {"b": [1]}}
    comments = [f" // {n}," for n in range(len(lines))]
    assert [one for one in comments if after.count(one) != 1] == []
    before = jsonc.drop(after, ("sekisho",))
    assert jsonc.read(before) == data
    assert [one for one in comments if before.count(one) != 1] == []


@settings(max_examples=50, deadline=None)
@given(DATA)
def test_yaml_means_what_was_meant(data: Any) -> None:
    """A key added to any block of YAML leaves the others as they were, or is refused."""
    text = yaml.safe_dump(data, allow_unicode=True) if data else ""
    expected = {**yaml.safe_load(text or "{}"), "sekisho": "x"}
    assert yaml.safe_load(yaml_format.put(text, ("sekisho",), "x")) == expected
