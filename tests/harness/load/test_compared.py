"""Runs to be compared: read from what they left, as seconds, and two targets in turns."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.gates.cells import Cell, Cells
from harness.gates.result import GateResult, Unit
from harness.gates.service_log import LogCell
from harness.load.compared import Interleaved, Measure, abba, before, blocks, check_measure, read_frames
from harness.load.frames import Frame, Part, Run
from harness.load.kept import FRAMES, TOLD
from harness.load.report import LoadReport
from harness.load.validity import Expected, doubts
from harness.verdict import Verdict

PASSED = GateResult(
    name="error_rate < 1%",
    verdict=Verdict.PASSED,
    observed=0.0,
    bound=0.0,
    limit=0.01,
    unit=Unit.SHARE,
    message="",
)
UNSEEN = replace(PASSED, verdict=Verdict.INVALID, message="not in this log")


def frames(*requests: int, workers: int = 1) -> list[Frame]:
    """Seconds in which so many requests were counted, half of them in another phase."""
    return [
        Frame(
            number=number,
            parts=tuple(
                Part(
                    worker=worker,
                    number=number,
                    due=0 if worker else count,
                    sent=0 if worker else count,
                    ended=number == len(requests) - 1,
                )
                for worker in range(workers)
            ),
            cells=Cells(
                by_key={
                    ("chat", "POST /turn", "first"): Cell(requests=count - count // 2),
                    ("chat", "POST /turn", "then"): Cell(requests=count // 2),
                }
            ),
            lasted_s={"first": 0.5, "then": 0.5},
        )
        for number, count in enumerate(requests)
    ]


def report(
    *requests: int, gates: tuple[GateResult, ...] = (PASSED,), reasons: tuple[str, ...] = ()
) -> LoadReport:
    """A run of two generators."""
    run = Run.of(frames(*requests, workers=2))
    return LoadReport(seed=0, model="", gates=gates, replay="", run=run, reasons=reasons)


def test_a_run_is_read_as_it_was_kept(tmp_path: Path) -> None:
    """From its file or from its folder, every frame of it."""
    kept = frames(10, 20)
    (tmp_path / FRAMES).write_bytes(b"".join(frame.line() for frame in kept))
    assert read_frames(tmp_path / FRAMES) == read_frames(tmp_path) == Run.of(kept)


NO_COUNT = frames(1)[0].line().replace(b'"requests":1', b'"requests":"one"')


@pytest.mark.parametrize(("content", "told"), [
    (NO_COUNT, "a frame of it holds something else"),
    (None, "No such file or directory"),
    (b"", "there is no frame in it"),
    (b"an incident\nof last night\n", "a frame of the load cannot be read"),
    (b"\xff\xfe\n", "a frame of the load cannot be read"),
    (frames(1)[0].line() + b"\n", "a frame of the load cannot be read"),
    (frames(1)[0].line().replace(b'"schema":2', b'"schema":9'), "a frame has schema 9"),
    (frames(1)[0].line() + b'{"schema":2,"num', "the run broke off"),
])  # fmt: skip
def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, content: bytes | None, told: str) -> None:
    """It names the file, what is wrong with it, and what to name instead."""
    place = tmp_path / "some.jsonl"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_frames(place)
    message = str(caught.value)
    assert message.startswith(f"{place}: ")
    assert told in message
    assert message.endswith(f"name the {FRAMES} that a load run has kept, or its folder")
    assert "\n" not in message


def test_a_folder_without_a_run_names_the_file_that_is_missing(tmp_path: Path) -> None:
    """The folder is there, and what a run keeps in it is not."""
    with pytest.raises(UsageError, match=rf"{FRAMES}: No such file"):
        read_frames(tmp_path)


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        (None, "that run broke off"),
        ("[]", "that run broke off"),
        (
            '{"schema":1,"model":"20 closed users","reasons":["it was late"]}',
            "is no measure: it was late; run it again",
        ),
        (
            '{"schema":1,"model":"20 closed users","reasons":[]}',
            "that run was 20 closed users, and this one is 5 closed users",
        ),
    ],
)
def test_what_is_no_measure_is_refused_in_one_line(tmp_path: Path, told: str | None, complaint: str) -> None:
    """A run that broke off, one that cannot be trusted, and another load; one that is as this one is a measure."""
    place = tmp_path / TOLD
    if told is not None:
        place.write_text(told)
    for path in (tmp_path, tmp_path / FRAMES):
        with pytest.raises(UsageError) as found:
            check_measure(path, "5 closed users")
        assert complaint in str(found.value)
    place.write_text('{"schema":1,"model":"5 closed users","reasons":[]}')
    check_measure(tmp_path, "5 closed users")


def test_a_second_is_one_block_of_all_its_cells() -> None:
    """Phases are added up, a second in which nothing came is kept, and the frame of the log's end is no second."""
    run = Run.of([*frames(10, 0, 7), Frame(number=3, log={"then": LogCell()})])
    assert [block.requests for block in blocks(run)] == [10, 0, 7]


def test_what_came_after_the_last_report_is_kept() -> None:
    """Answers without a part of a generator are counted."""
    late = replace(frames(4)[0], parts=(), lasted_s={})
    assert [block.requests for block in blocks(Run.of([late]))] == [4]


def test_the_gates_are_told_what_the_baseline_has_seen() -> None:
    """Its cells and its times; it has ended, and has no baseline of its own."""
    run = Run.of(frames(10, 20))
    seen = before(run)
    assert (seen.cells, seen.lasted_s, seen.ended, seen.before) == (
        run.cells,
        {"first": 1, "then": 1},
        True,
        None,
    )


async def interleaved(*reports: LoadReport) -> tuple[Interleaved, str]:
    """What becomes of four runs, and the order in which they were made."""
    made: list[str] = []

    def measure(name: str) -> Measure:
        async def run() -> LoadReport:
            made.append(name)
            return reports[len(made) - 1]

        return run

    found = await abba(measure("A"), measure("B"))
    return found, "".join(made)


async def test_two_targets_take_turns() -> None:
    """A, B, B, A, one after the other; the seconds of each are added up in the order in which they were."""
    found, order = await interleaved(report(1, 2), report(30), report(40, 50), report(6))
    assert order == "ABBA"
    assert [block.requests for block in blocks(found.before)] == [1, 2, 6]
    assert [block.requests for block in blocks(found.after)] == [30, 40, 50]
    assert (found.before.requests, found.after.requests, found.before.elapsed_s) == (9, 120, 3)
    assert found.reasons == ()


async def test_what_is_added_up_is_a_run_like_any_other() -> None:
    """Frames and reports go on in their numbers, so that nothing is missed in it, and it can be kept and read."""
    found, _ = await interleaved(report(1, 2), report(3), report(4), report(5, 6, 7))
    assert [frame.number for frame in found.before.seconds] == [0, 1, 2, 3, 4]
    assert doubts(found.before, Expected(workers=2)) == ()
    assert doubts(found.after, Expected(workers=2)) == ()


async def test_a_run_that_cannot_be_trusted_is_named() -> None:
    """Which of the four it was, and each of its reasons, those of gates that saw nothing among them; the others are run."""
    found, order = await interleaved(
        report(1),
        report(2, reasons=("the target died under load", "generator 0 never reported")),
        report(3, gates=(PASSED, UNSEEN)),
        report(4, gates=()),
    )
    assert order == "ABBA"
    assert found.reasons == (
        "run 2 of 4 (B): the target died under load",
        "run 2 of 4 (B): generator 0 never reported",
        "run 3 of 4 (B): error_rate < 1%: not in this log",
        "run 4 of 4 (A): nothing was judged",
    )
