"""Clean runs are counted with their bound, pairs are those that can be on at once, and the page tells it all."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.gates.statistics import upper_bound
from harness.matrix import How, pairs
from harness.matrix.both import both
from harness.matrix.controls import controls
from harness.registry import Invariant
from harness.runner import Options
from harness.scenario import Scenario, Turn
from harness.targets import profile as profiles
from harness.verdict import Finding, Verdict
from reference_app.defects import DEFECTS

SMALL = Path(__file__).parent.parent / "targets"
SIMULATED = How(stages=("simulated",))


@pytest.fixture
def options(monkeypatch, tmp_path) -> Options:
    """The small app, with a catalogue of two defects of which one does nothing."""
    monkeypatch.syspath_prepend(str(SMALL))
    (tmp_path / "catalogue_of_two.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Mistake:\n    reasons: tuple\n    parts: frozenset\n"
        "DEFECTS = {'deaf': Mistake(('degradation.explained',), frozenset({'client'})),\n"
        "           'harmless': Mistake(('sessions.history_preserved',), frozenset({'store'}))}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    profile = replace(profiles.load(str(SMALL / "profile.toml")), defects="catalogue_of_two:DEFECTS")
    return Options(profile=profile, stage="simulated", seed=7)


def scenario(name: str = "two", **more) -> Scenario:
    """Two turns."""
    return Scenario(name=name, steps=(Turn(), Turn()), **more)


async def test_clean_runs_are_counted_with_their_bound(options):
    """Three quiet runs leave a share of false alarms possible that only more runs could exclude: that share is told."""
    done = await controls([scenario()], options, 3, SIMULATED)
    assert (done.runs, done.judged, done.alarms) == (3, 3, ())
    assert done.share_max == pytest.approx(upper_bound(0, 3))
    assert done.verdict is Verdict.PASSED


async def test_an_alarm_in_a_clean_run_is_named_with_its_seed(options):
    """Whatever is found in a clean run is an alarm, with the seed that plays it again, and fails the whole."""

    def complain(history):
        if history.header.seed == 8:
            yield Finding(message="at eight", evidence="nothing")

    nervous = Invariant(name="made.nervous", check=complain, witnesses=frozenset(), summary="")
    done = await controls([scenario(invariants=(nervous,))], options, 3, SIMULATED)
    assert [(alarm.scenario, alarm.seed, alarm.violations[0].invariant) for alarm in done.alarms] == [
        ("two", 8, "made.nervous")
    ]
    assert done.verdict is Verdict.FAILED


async def test_a_run_that_says_nothing_is_not_counted_as_quiet(options):
    """An oracle that crashes in one of two runs leaves one that could have raised an alarm."""

    def crash(history):
        if history.header.seed == 8:
            raise RuntimeError("no idea")
        yield from ()

    broken = Invariant(name="made.broken", check=crash, witnesses=frozenset(), summary="")
    done = await controls([scenario(invariants=(broken,))], options, 2, SIMULATED)
    assert (done.judged, len(done.silent)) == (1, 1)
    assert "seed 8" in done.silent[0]


async def test_of_a_pair_each_must_be_seen(options):
    """Two defects are on at once; the one that does nothing is not seen, so the pair is missed and the whole fails."""
    declared = scenario(defects=("deaf", "harmless"))
    done = await both([declared], options, SIMULATED)
    (pair,) = done.pairs
    assert pair.pair == ("deaf", "harmless")
    assert (pair.caught, pair.missed) == (("deaf",), ("harmless",))
    assert (done.share, done.verdict) == (0.0, Verdict.FAILED)


async def test_a_reason_of_both_is_that_of_the_one_that_breaks_it_alone(options, tmp_path):
    """Of two defects with one reason, the one that does nothing is not seen by what the other breaks by itself."""
    (tmp_path / "catalogue_of_one_reason.py").write_text(
        "from catalogue_of_two import DEFECTS as TWO, Mistake\n"
        "DEFECTS = {'deaf': TWO['deaf'], 'harmless': Mistake(TWO['deaf'].reasons, TWO['harmless'].parts)}\n"
    )
    alike = replace(options, profile=replace(options.profile, defects="catalogue_of_one_reason:DEFECTS"))
    done = await both([scenario(defects=("deaf", "harmless"))], alike, SIMULATED)
    (pair,) = done.pairs
    assert (pair.caught, pair.missed, pair.alike) == (("deaf",), ("harmless",), ("harmless",))


async def test_no_pair_is_a_usage_error(options, tmp_path):
    """A catalogue of one defect has no pairs, and that is told before anything is played."""
    (tmp_path / "catalogue_of_none.py").write_text(
        "from catalogue_of_two import DEFECTS as TWO\nDEFECTS = {'deaf': TWO['deaf']}\n"
    )
    alone = replace(options, profile=replace(options.profile, defects="catalogue_of_none:DEFECTS"))
    with pytest.raises(UsageError, match="no two defects"):
        await both([scenario()], alone, SIMULATED)


@dataclass
class Parts:
    """A defect, as far as pairs are concerned."""

    parts: frozenset[str]


def test_only_defects_without_a_part_in_common_are_paired():
    """Two that replace the same part cannot be on at once: the second would take the first away."""
    catalog = {
        "a": Parts(frozenset({"client"})),
        "b": Parts(frozenset({"client", "store"})),
        "c": Parts(frozenset({"routes"})),
    }
    assert list(pairs(catalog)) == [("a", "c"), ("b", "c")]


def test_every_defect_of_the_reference_app_replaces_a_part():
    """A defect that replaces nothing would be the good code under a bad name."""
    assert [name for name, defect in DEFECTS.items() if not defect.parts] == []
