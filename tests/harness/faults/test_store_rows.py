"""Damaged rows and those of another read: what is fetched, of whom, and that what is stored stays as it is."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, plain, store_bench

from harness.faults.store_reads import StoreStaleRead
from harness.faults.store_rows import StoreCorruptRow, StoreCrossedReply
from harness.registry import calibrates
from harness.rig import Window
from harness.variants import choices_of

READ = "SELECT a FROM t ORDER BY a"
TURNS = "SELECT n, role FROM turn WHERE session = ? AND n > ? ORDER BY n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        with plain(made.path) as connection:
            connection.execute("CREATE TABLE turn (session, n, role)")
            rows = [(session, n, "user") for session in ("left", "right") for n in (1, 2, 3, 4)]
            connection.executemany("INSERT INTO turn VALUES (?, ?, ?)", rows)
        yield made


def add(connection: sqlite3.Connection, text: str) -> None:
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (text,))


def turns(connection: sqlite3.Connection, session: str) -> list[Any]:
    return connection.execute(TURNS, (session, 0)).fetchall()


def test_texts_and_blobs_of_a_damaged_row_are_cut(bench: StoreBench) -> None:
    """Every n-th row that is read has the first half of its texts and blobs; numbers and what is stored stay whole."""
    connection = bench.connect()
    add(connection, "three")
    with StoreCorruptRow(nth_row=2).within(bench):
        rows = connection.execute("SELECT a, CAST(a AS BLOB), length(a), NULL FROM t ORDER BY a").fetchall()
        assert rows == [("one", b"one", 3, None), ("th", b"th", 5, None)]
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.execute("SELECT 2").fetchone() == (2,)
        asked = connection.execute("SELECT a FROM t WHERE a > ? ORDER BY a", ("o",)).fetchall()
        assert asked == [("one",), ("three",)]  # as the damaged rows were not asked for by any value
    assert bench.noted == ["read (SELECT a, CAST(a): rows damaged (cut) of None"]
    assert bench.stored() == ["one", "three"]
    assert connection.execute(READ).fetchall() == [("one",), ("three",)]


def test_only_json_becomes_bad_json(bench: StoreBench) -> None:
    """An object or array is no longer one; a text that was none, and a number in a text, stay as they are."""
    connection = bench.connect()
    with StoreCorruptRow(form="bad_json", window=Window(first_n=1)).within(bench):
        statement = """SELECT '{"n": 1} ', '[2]', '3', 'plain', CAST('{}' AS BLOB), 6"""
        assert connection.execute(statement).fetchone() == ('{"n": 1}'[:-1], "[2", "3", "plain", b"{", 6)
        assert connection.execute("SELECT '{}'").fetchone() == ("{}",)
    assert bench.noted == ['read (SELECT \'{"n": 1}): rows damaged (bad_json) of None']


def test_only_a_plain_word_becomes_one_that_nobody_knows(bench: StoreBench) -> None:
    """A role is no longer one; a sentence, an id with a digit, a blob and a number stay as they are."""
    connection = bench.connect()
    with StoreCorruptRow(form="unknown_role").within(bench):
        statement = "SELECT 'tool_call', 'Two words', 'two words', 'a1b2', 'x', CAST('user' AS BLOB), 6"
        assert connection.execute(statement).fetchone() == (
            *("unheard_of", "Two words", "two words", "a1b2", "x", b"user", 6),
        )
        assert connection.execute("SELECT 'Plain', 7").fetchone() == ("Plain", 7)
    assert len(bench.noted) == 1


def test_a_gap_is_in_the_middle(bench: StoreBench) -> None:
    """Of several rows one is missing, and never the newest; one row alone, and none, stay, and are no firing."""
    connection = bench.connect()
    with StoreCorruptRow(form="gap", nth_row=9).within(bench):
        for after, left in ((3, [4]), (4, [])):
            found = connection.execute(TURNS, ("left", after)).fetchall()
            assert [n for n, _ in found] == left
        assert bench.noted == []
        assert [n for n, _ in turns(connection, "left")] == [1, 3, 4]
        assert [n for n, _ in connection.execute(TURNS, ("left", 2))] == [4]
    assert bench.noted == ["read (SELECT n, role): rows damaged (gap) of 'left'"] * 2
    assert len(turns(connection, "left")) == 4


@pytest.mark.parametrize("form", ["cut", "gap", "unknown_role"])
def test_only_one_session_is_damaged(bench: StoreBench, form: str) -> None:
    """The first that is read with something to damage is damaged in every statement, however it is named; others are whole."""
    connection = bench.connect()
    whole = turns(connection, "right")
    with StoreCorruptRow(form=form).within(bench):
        assert connection.execute("SELECT count(*) FROM turn WHERE session = ?", ("right",)).fetchone() == (
            4,
        )
        assert turns(connection, "left") != whole
        assert turns(connection, "right") == whole
        named = "SELECT n, role FROM turn WHERE n > :after AND session = :session ORDER BY n"
        assert connection.execute(named, {"after": 0, "session": "right"}).fetchall() == whole
        assert connection.execute(named, {"after": 0, "session": "left"}).fetchall() != whole
        assert connection.execute("SELECT 'user' FROM turn").fetchall() == [("user",)] * 8
    assert len(bench.noted) == 2


def test_a_sweep_plays_what_every_store_has(bench: StoreBench) -> None:
    """Rows and words are in every store, JSON is not: a form that could never fire would prove nothing."""
    assert choices_of(StoreCorruptRow) == {"form": ("cut", "gap", "unknown_role")}


@pytest.mark.parametrize("stale_first", [True, False])
def test_damage_and_the_past_overlap(bench: StoreBench, *, stale_first: bool) -> None:
    """Whichever fault stands outermost, each does its own, and the one that is left goes on alone."""
    connection = bench.connect()
    stale, corrupt = StoreStaleRead().within(bench), StoreCorruptRow().within(bench)
    first, second = (stale, corrupt) if stale_first else (corrupt, stale)
    first.__enter__()
    second.__enter__()
    add(connection, "three")
    expected = [("o",)] if stale_first else [("one",)]  # the outer one has the last word on the rows
    assert connection.execute(READ).fetchall() == expected
    first.__exit__(None, None, None)
    alone = [("o",), ("th",)] if stale_first else [("one",)]
    assert connection.execute(READ).fetchall() == alone
    second.__exit__(None, None, None)
    assert connection.execute(READ).fetchall() == [("one",), ("three",)]


def role(connection: sqlite3.Connection, value: str) -> Any:
    return connection.execute("SELECT ?", (value,)).fetchone()[0]


def test_each_read_gets_the_reply_of_the_one_before(bench: StoreBench) -> None:
    """From the second on, on whichever connection, until the fault ends; a statement of its own has its own replies."""
    one, other = bench.connect(), bench.connect()
    with StoreCrossedReply().within(bench):
        assert [role(one, "a"), role(other, "b"), role(one, "c")] == ["a", "a", "b"]
        assert one.execute("SELECT 1, ?", ("z",)).fetchone() == (1, "z")
        assert len(bench.noted) == 2
        assert role(one, "c") == "c"  # who asked the same before has the same reply
        assert role(one, "d") == "c"
    assert role(one, "e") == "e"
    assert bench.noted == [
        "read (SELECT ?): 1 rows of ('a',) for ('b',)",
        "read (SELECT ?): 1 rows of ('b',) for ('c',)",
        "read (SELECT ?): 1 rows of ('c',) for ('d',)",
    ]


def test_replies_may_be_late_by_more_than_one(bench: StoreBench) -> None:
    """With `shift` so many reads keep their own reply, and those after them get what was asked for so many reads before."""
    connection = bench.connect()
    with StoreCrossedReply(shift=2).within(bench):
        assert [role(connection, value) for value in "abcd"] == ["a", "b", "a", "b"]
    assert len(bench.noted) == 2


def test_equal_rows_cross_unseen(bench: StoreBench) -> None:
    """A read whose rows would be the same anyway is no firing, nor is a backup; who asks the same again sees what is new."""
    connection = bench.connect()
    with StoreCrossedReply().within(bench):
        assert connection.execute("SELECT a FROM t WHERE a > ? ORDER BY a", ("o",)).fetchall() == [("one",)]
        add(connection, "two")
        assert len(connection.execute("SELECT a FROM t WHERE a > ? ORDER BY a", ("o",)).fetchall()) == 2
        for session in ("left", "right"):
            assert len(turns(connection, session)) == 4
        with plain(Path(":memory:")) as copy:
            connection.backup(copy)
    assert bench.noted == []


SCENARIO = '''"""Two conversations, under a fault that no service withstands."""

from harness.faults import StoreCrossedReply, StoreLostWrite
from harness.rig import Window
from harness.scenario import CANARY, Scenario, Turn

SCENARIO = Scenario(
    steps=tuple(Turn(session=name, message=f"Remember {CANARY}, please.") for name in "ababa"),
    faults=({fault}(window=Window(from_step=2)),),
)
'''


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("StoreCrossedReply", "session b was told of session a"),
        ("StoreLostWrite", "is not stored"),
    ],
)
def test_what_calibrates_is_seen(shakeout: Any, tmp_path: Path, fault: str, said: str) -> None:
    """The reference app fails by an oracle of sessions under each fault that no service withstands: none of them is blind."""
    place = tmp_path / "calibration.py"
    place.write_text(SCENARIO.replace("{fault}", fault))
    code, out, err = shakeout("run", str(place), "--stage", "simulated")
    assert (code, err) == (1, "")
    assert said in out
    assert "sessions." in out


def test_crossed_replies_are_played_by_no_sweep() -> None:
    """No service can withstand it, so none is judged by it."""
    assert calibrates(StoreCrossedReply())
