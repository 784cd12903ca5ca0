"""The benchmark's pure parts: arithmetic, tables, command line. Nothing here is timed."""

import json
from pathlib import Path

import pytest
from sekisho.benchmarks.overhead import report
from sekisho.benchmarks.overhead.__main__ import arguments, options_of
from sekisho.benchmarks.overhead.load import Plan
from sekisho.benchmarks.overhead.measure import Memory, Options, Result, order
from sekisho.benchmarks.overhead.stats import Mode, Sample, Spread, compared, percentile, spread
from sekisho.benchmarks.overhead.systems import System
from sekisho.benchmarks.overhead.upstream import plain_answer, stream_pieces


def samples(system: str, mode: Mode, *cpu: float, p50: float = 10.0) -> list[Sample]:
    """One sample in each round."""
    return [Sample(system, mode, n, ms, p50, 2 * p50) for n, ms in enumerate(cpu, 1)]


@pytest.fixture
def result() -> Result:
    """Three rounds in which the machine became slower and slower."""
    found = [
        *samples("sekisho", "plain", 4.0, 6.0, 12.0, p50=12.0),
        *samples("litellm", "plain", 5.0, 8.0, 12.0, p50=15.0),
        *samples("upstream", "plain", 0.1, 0.1, 0.1),
        *samples("sekisho", "streamed", 9.0, 20.0, 30.0, p50=12.0),
        *samples("litellm", "streamed", 10.0, 20.0, 20.0, p50=15.0),
        *samples("upstream", "streamed", 1.0, 1.0, 1.0),
    ]
    memory = (
        Memory("sekisho", 330.4, 400.0, 38.0, 61.0),
        Memory("litellm", 317.0, 393.0),
        Memory("upstream", 20.0, 21.0),
    )
    return Result(tuple(found), memory, 0.5)


def test_percentile_is_a_value_that_was_measured() -> None:
    """The nearest rank is taken, without interpolation."""
    values = [float(n) for n in range(200, 0, -1)]
    assert percentile(values, 50) == 100.0
    assert percentile(values, 99) == 198.0
    assert percentile([7.0], 99) == 7.0
    assert percentile([1.0, 2.0], 0) == 1.0


def test_spread_is_median_and_range() -> None:
    """An outlier moves the range and not the median."""
    assert spread([3.0, 100.0, 1.0]) == Spread(3.0, 1.0, 100.0)


def test_comparison_is_made_within_a_round() -> None:
    """The ratio of each round counts, whatever order the samples came in."""
    mixed = [*samples("b", "plain", 10.0, 40.0, 20.0), *samples("a", "plain", 5.0, 40.0, 15.0)]
    found = compared(mixed, "a", "b", "plain", lambda a, b: a.cpu_ms / b.cpu_ms)
    assert found == Spread(0.75, 0.5, 1.0)


def test_ratio_counts_the_shipper(result: Result) -> None:
    """The CPU of the process beside the gateway is part of a/b, and can be taken out."""
    assert report.ratio(result, "plain") == Spread(0.9, 0.8125, 12.5 / 12.0)
    assert report.ratio(result, "plain", with_helpers=False) == Spread(0.8, 0.75, 1.0)


def test_order_alternates() -> None:
    """No system always comes first."""
    a, b, c = (System(name, 1, "", ()) for name in "abc")
    assert order([a, b, c], 1) == [a, b, c]
    assert order([a, b, c], 2) == [c, b, a]


def test_markdown_has_conditions_and_every_figure(result: Result) -> None:
    """The document states what was run, and one row for each system and mode."""
    text = report.markdown(report.tables(result), {"Machine": "one core"})
    assert text.startswith("- Machine: one core.\n")
    assert "| plain | (a) Sekisho | 6.00 (4.00-12.00) | 12.0 | 24.0 | 2.0 | 4.0 |" in text
    assert "| plain | (c) upstream | 0.10 (0.10-0.10) | 10.0 | 20.0 | - | - |" in text
    assert "| streamed | 1.02 (0.95-1.52) | 1.00 (0.90-1.50) |" in text
    assert "| (a) its lake shipper | 38 | 61 |" in text


def test_json_can_be_written(result: Result) -> None:
    """Programs get the ratios and the raw samples."""
    found = json.loads(json.dumps(report.as_json(result, Options(), 187)))
    assert found["cpu_ratio_without_shipper"]["plain"]["median"] == 0.8
    assert len(found["samples"]) == 18
    assert "187 deployments" in found["conditions"]["Models"]


def test_document_keeps_what_is_outside_the_markers(tmp_path: Path) -> None:
    """Writing twice leaves one table, and the text around it."""
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_into(document, "new\n")
    report.write_into(document, "newer\n")
    assert document.read_text() == f"before\n{report.BEGIN}\nnewer\n{report.END}\nafter\n"


def test_document_without_markers_is_refused(tmp_path: Path) -> None:
    """A document that lost its markers is not overwritten."""
    document = tmp_path / "performance.md"
    document.write_text("text\n")
    with pytest.raises(ValueError, match="has no lines"):
        report.write_into(document, "new\n")
    assert document.read_text() == "text\n"


def test_command_line_has_defaults() -> None:
    """Without words, the usual run."""
    found = arguments([])
    assert options_of(found) == Options()
    assert (found.json, found.docs) == (None, False)


def test_command_line_chooses_how_much() -> None:
    """Every amount can be chosen."""
    words = "--rounds 2 --requests 30 --streams 20 --connections 1 --chunks 5 --pace-ms 0"
    assert options_of(arguments(words.split())) == Options(2, 30, 20, 1, 5, 0.0)


@pytest.mark.parametrize("words", ["--rounds 0", "--pace-ms -1", "--pace-ms x", "--round-trips 1"])
def test_command_line_refuses_nonsense(words: str) -> None:
    """A wrong amount ends the program with its usage."""
    with pytest.raises(SystemExit, match="2"):
        arguments(words.split())


def test_upstream_streams_as_many_chunks_as_asked() -> None:
    """The usage comes only when asked for, and the client's check accepts the stream."""
    plan = Plan(1, "key", "bench", True, 1, 0, 1, chunks=3)
    assert plan.accepts(b"".join(stream_pieces(3, with_usage=True)))
    assert not plan.accepts(b"".join(stream_pieces(2, with_usage=True)))
    assert not plan.accepts(b"".join(stream_pieces(3, with_usage=True)[:-1]))
    assert b'"usage"' not in b"".join(stream_pieces(3, with_usage=False))


def test_plain_answer_is_a_chat_completion() -> None:
    """Its length is stated, and it has the usage that the client looks for."""
    head, _, body = plain_answer().partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body)["usage"]["total_tokens"] == 70
    assert Plan(1, "key", "bench", False, 1, 0, 1, chunks=3).accepts(body)
