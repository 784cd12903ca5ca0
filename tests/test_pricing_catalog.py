"""The price files: what is refused, and how entries are read."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sekisho.pricing import catalog
from sekisho.pricing.catalog import PriceError

TAIL = "\n  source: a page\n  date: 2026-11-21\n"

WRONG = [
    ("a: {input: '1', date: 2026-11-21}", "x.yaml: a: has no source"),
    ("a: {input: '1', source: s}", "x.yaml: a: has no date"),
    ("a: {source: s, date: 2026-11-21}", "x.yaml: a: has no figures"),
    (
        "a:\n  input: 0.1" + TAIL,
        'x.yaml: a: input: must be a quoted decimal such as "0.15", not 0.1',
    ),
    ("a:\n  input: 'ten'" + TAIL, "x.yaml: a: input: not a decimal: ten"),
    ("a:\n  input: '-1'" + TAIL, "x.yaml: a: input: must be 0 or more: -1"),
    ("a:\n  input: 'NaN'" + TAIL, "x.yaml: a: input: must be 0 or more: NaN"),
    ("a:\n  inptu: '1'" + TAIL, "x.yaml: a: unknown key inptu"),
    ("a:\n  above_many: {input: '1'}" + TAIL, "x.yaml: a: unknown key above_many"),
    (
        "a:\n  input: '1'\n  output: '2'\n  above_200000: {input: '2'}" + TAIL,
        "x.yaml: a: above_200000: must have the same token units: ['output']",
    ),
    (
        "a:\n  input: '1'\n  cache_read: '1'\n  priority: {input: '2'}" + TAIL,
        "x.yaml: a: priority: must have the same token units: ['cache_read']",
    ),
    (
        "a:\n  input: '1'\n  above_9: {input: '2'}\n  flex: {input: '2'}" + TAIL,
        "x.yaml: a: flex: must have the same above_ steps",
    ),
    ("a: {same_as: b}", "x.yaml: a: same_as b: no such entry with figures"),
    ("a: {same_as: b, input: '1'}", "x.yaml: a: same_as stands alone"),
    ("- a", "x.yaml: must be a mapping of price ids"),
    ("a: 1", "x.yaml: a: must be a mapping of units"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_mistakes_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    """Each mistake in a price file is one line that names the file, the entry and the mistake."""
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(PriceError) as caught:
        catalog.load(tmp_path)
    assert str(caught.value) == message


def test_broken_yaml_is_one_line(tmp_path: Path) -> None:
    """A file that is not YAML is named in one line."""
    (tmp_path / "x.yaml").write_text("a: [1")
    with pytest.raises(PriceError, match=r"^x\.yaml: not YAML: .+$") as caught:
        catalog.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_id_in_two_files_is_refused(tmp_path: Path) -> None:
    """The same model can't have a price in two files."""
    for name in ("x.yaml", "y.yaml"):
        (tmp_path / name).write_text("a:\n  input: '1'" + TAIL)
    with pytest.raises(PriceError, match=r"^y\.yaml: a: is there twice$"):
        catalog.load(tmp_path)


def test_version_follows_the_content(tmp_path: Path) -> None:
    """The version changes with a figure, and only then."""
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, figure in zip(folders, ("1", "1", "2"), strict=True):
        folder.mkdir()
        (folder / "x.yaml").write_text(f"a:\n  input: '{figure}'" + TAIL)
    versions = [catalog.load(folder).version for folder in folders]
    assert versions[0] == versions[1] != versions[2]
    assert len(versions[0]) == 12


def test_figures_are_per_single_unit(tmp_path: Path) -> None:
    """Token and character figures in files are per million, the others each."""
    text = "a:\n  input: '3'\n  character: '15'\n  second: '0.1'\n  query: '0.002'" + TAIL
    (tmp_path / "x.yaml").write_text(text)
    assert catalog.load(tmp_path).prices["a"].standard.figures == {
        "input": Decimal("0.000003"),
        "character": Decimal("0.000015"),
        "second": Decimal("0.1"),
        "query": Decimal("0.002"),
    }


def test_same_as_takes_figures_source_and_date(tmp_path: Path) -> None:
    """An entry that is the same as another has its figures, source and date, and its own id."""
    (tmp_path / "x.yaml").write_text("a:\n  input: '3'" + TAIL + "b: {same_as: a}\n")
    price = catalog.load(tmp_path).prices["b"]
    assert (price.id, price.source, price.date) == ("b", "a page", date(2026, 11, 21))
    assert price.standard.figures == {"input": Decimal("0.000003")}


def test_regional_multiplies_every_figure(tmp_path: Path) -> None:
    """`regional` makes a second price, all figures of all bands and tiers times it."""
    text = (
        "a:\n  input: '2'\n  above_10: {input: '4'}\n  flex: {input: '1', above_10: {input: '2'}}"
        "\n  image: '0.5'\n  regional: '1.1'"
    )
    (tmp_path / "x.yaml").write_text(text + TAIL)
    price = catalog.load(tmp_path).prices["a#regional"]
    assert price.standard.at(10) == {"input": Decimal("0.0000022")}
    assert price.standard.at(11) == {"input": Decimal("0.0000044")}
    assert price.tiers["flex"].at(11) == {"input": Decimal("0.0000022")}
    assert price.image(None, None) == Decimal("0.55")


def test_pictures_by_size_and_quality(tmp_path: Path) -> None:
    """The most exact figure wins: size and quality, size, quality, then default."""
    text = "a:\n  image: {64x64/hd: '4', 64x64: '3', hd: '2', default: '1'}"
    (tmp_path / "x.yaml").write_text(text + TAIL)
    price = catalog.load(tmp_path).prices["a"]
    found = [price.image("64x64", "hd"), price.image("64x64", "low"), price.image("9x9", "hd")]
    assert [*found, price.image(None, None)] == [Decimal(4), Decimal(3), Decimal(2), Decimal(1)]


def test_unknown_id_has_no_price() -> None:
    """An id that is not in the catalogue has no price, not a price of 0."""
    assert catalog.load().price("bedrock/anthropic.claude-newfam-9") is None
    assert "azure/gpt-5.5" in catalog.load()
