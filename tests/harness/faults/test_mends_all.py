"""No fault is forgotten: each one of the registry is played by a test of its mending, or it is said why none can."""

from pathlib import Path

from felt_mending import MADE, PARTNERS, UNCARRIED, played

from harness.registry import FAULTS

BENCHES = {
    "client": "test_mends_client.py",
    "clock": "test_mends_inside.py",
    "logs": "test_mends_logs.py",
    "loop": "test_mends_inside.py",
    "network": "test_mends_wire.py",
    "process": "test_mends_process.py",
    "provider": "test_mends_wire.py",
    "store": "test_mends_store.py",
}


def test_every_fault_is_carried_or_it_is_said_why_not() -> None:
    """A fault that is registered has a row or a reason, never both, and there is none that is no fault any more."""
    assert not MADE.keys() & UNCARRIED.keys()
    assert MADE.keys() | UNCARRIED.keys() == {name for name, _ in FAULTS.items()}
    assert all(UNCARRIED.values())


def test_every_plane_has_a_bench_that_plays_all_of_it() -> None:
    """What has a row is played by exactly one bench, beside a partner that has one too."""
    assert sorted(name for plane in BENCHES for name in played(plane)) == sorted(MADE)
    assert PARTNERS.keys() == BENCHES.keys()
    assert all(partner in played(plane) for plane, partners in PARTNERS.items() for partner in partners)
    assert all(Path(__file__).with_name(bench).is_file() for bench in BENCHES.values())
