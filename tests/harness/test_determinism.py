"""Where two histories of one job part, in words."""

from dataclasses import replace

from harness.determinism import first_difference


def test_equal_hashes_are_no_difference(made):
    """Two histories with the same hashes are the same, and nothing is said of them."""
    history = made.history(made.turn(1))
    assert first_difference(history, history) is None


def test_the_first_field_that_differs_is_named(made):
    """The record, its kind, the field, and both values, each cut to fit in a line."""
    one = made.history(made.turn(1), made.turn(2))
    other = made.history(made.turn(1), made.turn(2, status=503))
    said = first_difference(_hashed(one, "a"), _hashed(other, "b"))
    assert said == "record 2: exchange.status: 200 / 503"
    long = made.history(made.turn(1, body={"text": "x" * 500}), made.turn(2))
    said = first_difference(_hashed(one, "a"), _hashed(long, "b"))
    assert said is not None
    assert said.startswith("record 1: exchange.body: {")
    assert said.endswith("...")


def test_a_record_that_is_missing_is_a_difference(made):
    """A history that ends earlier is named by the record that it lacks."""
    one, other = made.history(made.turn(1), made.turn(2)), made.history(made.turn(1))
    said = first_difference(_hashed(one, "a"), _hashed(other, "b"))
    assert said is not None
    assert said.startswith("record 2: Exchange(")
    assert said.endswith(" / None")


def test_what_no_record_shows_is_told_too(made):
    """Where all records are the same, it is the schedule that differs, or what was drawn."""
    history = made.history(made.turn(1))
    other = replace(history, header=replace(history.header, schedule_hash="other"))
    assert first_difference(history, other) == "no record differs, but the schedules do"
    assert (
        first_difference(_hashed(history, "a"), _hashed(history, "b"))
        == "no record differs, but the numbers that were drawn do"
    )


def _hashed(history, observation_hash):
    """The history under another observation hash."""
    return replace(history, header=replace(history.header, observation_hash=observation_hash))
