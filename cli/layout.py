"""A table as lines of text, where nothing is cut and no terminal is asked how wide it is.

It looks as Rich's does on a terminal. Rich itself takes longer to lay out a hundred keys than the
database to find them among 100,000.
"""

from collections.abc import Iterable, Iterator, Sequence

_GAP = "   "


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
    footer: Sequence[str] = (),
    rule: str = "\u2500",
) -> Iterator[str]:
    """The lines; `numbers` are the columns that are right-aligned, `rule` is under the heading."""
    body = list(rows)
    heading = [columns] if any(columns) else []
    ending = [footer] if footer else []
    cells = [*heading, *body, *ending]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    right = [column in numbers for column in columns]
    for line in heading:
        yield _line(line, widths, right)
        yield rule * (sum(widths) + len(_GAP) * (len(widths) - 1))
    for line in body:
        yield _line(line, widths, right)
    for line in ending:
        yield ""
        yield _line(line, widths, right)


def width(text: str) -> int:
    """How many columns of a screen the text takes: Japanese characters take two each."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # it has the tables of Unicode, which take a while to load

    return cell_len(text)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (wide - width(cell)) + cell if to_right else cell + " " * (wide - width(cell))
        for cell, wide, to_right in zip(cells, widths, right, strict=True)
    ]
    return _GAP.join(padded).rstrip(" ")
