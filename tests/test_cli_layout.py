"""Tables in a pipe: columns that stand under each other, whatever is in them."""

import pytest
from sekisho.cli import layout, output


def test_columns_are_aligned_by_what_characters_take_on_a_screen() -> None:
    """A Japanese character takes two columns; numbers end under each other."""
    rows = [("x", "東京", "1"), ("長い名前", "b", "12.50")]
    assert list(layout.table(("name", "place", "USD"), rows, numbers=("USD",))) == [
        "name       place     USD",
        "────────────────────────",
        "x          東京        1",
        "長い名前   b       12.50",
    ]


def test_a_footer_stands_apart() -> None:
    """Its cells count for the width, too."""
    rows = [("a", "1")]
    found = layout.table(("", "n"), rows, numbers=("n",), footer=("total", "1,000"))
    assert list(found) == [
        "            n",
        "─────────────",
        "a           1",
        "",
        "total   1,000",
    ]


def test_without_names_of_columns_there_is_no_heading() -> None:
    """Two columns of fields and values, and nothing at all for no rows."""
    assert list(layout.table(("", ""), [("a", "1"), ("long", "2")])) == ["a      1", "long   2"]
    assert list(layout.table(("", ""), [])) == []


def test_a_table_cannot_be_steered_by_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    """Line breaks, escapes and bidirectional overrides in a cell are shown as what they aren't."""
    output.print_table(("a", "b"), [("x\ny", "\x1b[31mred"), ("\u202e", "z" * 300)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a     b"
    assert lines[2:] == ["x\ufffdy   \ufffd[31mred", "\ufffd     " + "z" * 300]
