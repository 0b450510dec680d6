"""A history on disk is the history, and what is not one is refused."""

from dataclasses import fields

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import recording
from harness.errors import InvalidRun
from harness.history import (
    Contract,
    Exchange,
    FaultFired,
    Header,
    History,
    LogRecord,
    Probe,
    Snapshot,
    UpstreamCall,
    ordered,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
seconds = st.floats(0, 1e6, allow_nan=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
words = st.dictionaries(texts, texts, max_size=3)
BY_TYPE = {float: seconds, int: st.integers(0, 2**53), bool: st.booleans(), str: texts}


def built(kind):
    """Any record of one kind."""
    special = {
        "headers": words,
        "request_headers": words,
        "fields": st.dictionaries(texts, plain, max_size=3),
        "messages": st.lists(st.dictionaries(texts, plain, max_size=2), max_size=3).map(tuple),
        "request": plain,
        "body": plain,
        "data": plain,
        "statuses": st.lists(st.integers(100, 599), max_size=3).map(tuple),
    }
    chosen = {}
    for item in fields(kind):
        if item.name in special:
            chosen[item.name] = special[item.name]
        elif item.type in BY_TYPE:
            chosen[item.name] = BY_TYPE[item.type]
        elif "tuple" in str(item.type):
            chosen[item.name] = st.lists(texts, max_size=3).map(tuple)
        elif "int" in str(item.type):
            chosen[item.name] = st.none() | st.integers(0, 2**53)
        elif "float" in str(item.type):
            chosen[item.name] = st.none() | seconds
        elif item.name == "contract":
            chosen[item.name] = built(Contract)
        else:
            chosen[item.name] = st.none() | texts
    return st.builds(kind, **chosen)


records = st.one_of(*map(built, (Exchange, LogRecord, UpstreamCall, FaultFired, Probe, Snapshot)))
histories = st.builds(History, header=built(Header), records=st.lists(records, max_size=5).map(tuple))


@given(histories)
def test_what_is_written_is_what_is_read(history: History) -> None:
    """Any history, of any records in any order, comes back equal from its JSON Lines."""
    assert recording.load(recording.dump(history)) == history


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"kind":"history","schema":99}',
        b'{"kind":"report","schema":1}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_history_is_refused(data: bytes) -> None:
    """Nothing, noise, another document and another schema are each refused in one line."""
    with pytest.raises(InvalidRun) as refused:
        recording.load(data)
    assert "\n" not in str(refused.value)


def test_a_history_from_before_a_field_was_there_is_read(made) -> None:
    """What an older version did not write is as if nothing had been known of it; what a newer one writes is left out."""
    history = made.history(made.turn(), made.probe("quiet", memory_bytes=5), control_golden_ms=(1.0,))
    first, *rest = (orjson.loads(line) for line in recording.dump(history).splitlines())
    del (
        first["control_golden_ms"],
        first["contract"]["memory_growth_mb_max"],
        first["contract"]["body_bytes_max"],
    )
    del rest[1]["limiter_tokens"], rest[1]["memory_bytes"]
    rest[0]["of_tomorrow"] = 1
    read = recording.load(b"\n".join(map(orjson.dumps, (first, *rest))))
    assert read == made.history(made.turn(), made.probe("quiet"))


def test_a_cut_history_is_refused(made) -> None:
    """A file that ends in the middle of a record is refused, not read as a shorter history."""
    data = recording.dump(made.history(made.turn()))
    with pytest.raises(InvalidRun):
        recording.load(data[:-20])


def test_a_history_is_written_whole_under_its_name(made, tmp_path) -> None:
    """The file is named by all in which two runs may differ, and nothing is left beside it."""
    path = recording.write(made.history(made.turn()), tmp_path / "kept")
    assert path.name == "made.live.seed1.faulted.jsonl"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert recording.load(path.read_bytes()).exchanges == (made.turn(),)


def test_no_history_takes_the_place_of_another(made, tmp_path) -> None:
    """Runs that differ in seed, defects, stage or arm are kept side by side."""
    kinds = (
        {},
        {"seed": 2},
        {"defects": ("a",)},
        {"defects": ("a", "b")},
        {"stage": "x"},
        {"arm": "control"},
    )
    names = {recording.write(made.history(**kind), tmp_path).name for kind in kinds}
    assert len(names) == len(kinds)
    assert "made.live.a+b.seed1.faulted.jsonl" in names


def test_a_history_that_cannot_be_kept_is_an_invalid_run(made, tmp_path) -> None:
    """A place that went away during the run is told in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRun, match=r"made\.live\.seed1\.faulted\.jsonl: .*; the history was not kept"):
        recording.write(made.history(), tmp_path / "file")


def test_records_are_put_in_the_order_of_their_times(made) -> None:
    """Timed records are sorted; log lines, which may carry no time, keep their order behind them."""
    first, second = made.turn(1), made.turn(2)
    line = LogRecord(source="app", line=1, text="x")
    assert ordered([line, second, first]) == (first, second, line)


def test_a_declared_fault_that_never_fired_counts_none(made) -> None:
    """The count of each declared fault is there, also where it is 0."""
    history = made.history(FaultFired(at_s=1.0, fault="b"), declared=("a", "b"))
    assert history.fired() == {"a": 0, "b": 1}
