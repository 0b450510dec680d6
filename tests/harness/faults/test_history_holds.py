"""What is told of the history where a fault took a part of it away, on histories that are made for it."""

from typing import Any

from harness.faults.history_holds import history_told_again, history_told_beside
from harness.faults.loop_entry import LoopSyncEntry
from harness.faults.store_reads import StoreStaleRead
from harness.faults.store_rows import StoreCorruptRow
from harness.history import FaultFired
from harness.registry import held_under


def misread(at_s: float) -> FaultFired:
    """A read that was not as stored."""
    return FaultFired(at_s=at_s, fault="store.stale_read#2")


def forgetful(made: Any) -> tuple[Any, ...]:
    """Three turns, of which the last is told of nothing."""
    one, two, three = (made.turn(number, message=f"say {number}") for number in (1, 2, 3))
    calls = (made.call(one), made.call(two, told=("say 1",)), made.call(three))
    return (one, two, three, *calls)


def test_what_began_after_the_last_misread_is_judged(made: Any) -> None:
    """A turn that began before it has to believe what it read, also where it calls later; the next one is told it all."""
    records = forgetful(made)
    assert len(list(history_told_again(made.history(*records, misread(2.5))))) == 1
    assert list(history_told_again(made.history(*records, misread(3.0)))) == []
    assert len(list(history_told_again(made.history(*records)))) == 1


def test_what_the_entry_asks_is_not_judged_and_the_rest_is(made: Any) -> None:
    """A call that ends with the entry's message has no history; the turn's own call under the same id has."""
    one, two = made.turn(1, message="say 1"), made.turn(2, message="say 2")
    called = FaultFired(
        at_s=1, fault="loop.sync_entry", detail="a:b called via loop with the message An e-mail."
    )
    own = made.call(two, messages=({"role": "user", "content": "An e-mail."},))
    told = made.call(two, told=("say 1",))
    assert list(history_told_beside(made.history(one, two, called, made.call(one), told, own))) == []
    assert (
        len(list(history_told_beside(made.history(one, two, called, made.call(one), made.call(two), own))))
        == 1
    )


def test_each_fault_that_is_excused_of_history_is_held_to_the_rest_of_it() -> None:
    """None of them is blind to what is told when it is over."""
    assert history_told_again in held_under([StoreStaleRead()])
    assert history_told_again in held_under([StoreCorruptRow()])
    assert history_told_beside in held_under([LoopSyncEntry()])
