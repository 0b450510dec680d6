"""What else went wrong beside an incident is set aside; what any service logs makes no match."""

import pytest

from tests.harness.incidents.test_diagnose import LATE, PLAIN, diagnosis, names, suspect, tried

BESIDE = (
    "billing ERROR invoice_export_failed reason=disk_full retry=false\n"
    "mailer ERROR handshake_refused reason=greylisted late=true\n"
    "scheduler ERROR tick_missed job=cleanup worker=stalled\n"
)
ACCESS = 'INFO: "POST /turn HTTP/1.1" 500 Internal Server Error\n'
BARE = "app WARNING skipped\n"


def test_errors_of_events_that_no_run_ever_writes_do_not_hide_the_cause() -> None:
    """One excerpt among three records of other trouble is still found, and the trouble stays unexplained."""
    known = diagnosis(PLAIN, LATE, BESIDE)
    known.add(tried(suspect("skips"), PLAIN, LATE))
    assert names(known.matches) == ["skips"]
    assert known.matches[0].shared < 0.5
    assert "error handshake_refused" in known.matches[0].lacks


@pytest.mark.parametrize(
    ("incident", "run"),
    [
        ((BESIDE + ACCESS,), (PLAIN, ACCESS)),
        ((BESIDE + BARE,), (PLAIN, BARE)),
        ((LATE, *(f"other ERROR broken_{letter} why=it\n" for letter in "abcdef")), (PLAIN, LATE)),
    ],
)
def test_what_any_service_logs_is_no_match(incident: tuple[str, ...], run: tuple[str, ...]) -> None:
    """A status, an event's bare name, or one event among many others: a log of quite another service is not explained."""
    known = diagnosis(*incident)
    known.add(tried(suspect("fails"), *run))
    assert (names(known.causes), known.matches) == (["fails"], ())


def test_events_that_runs_write_are_not_set_aside() -> None:
    """What another run logs is of this service: a run that has not got it lacks it."""
    known = diagnosis(PLAIN, LATE, BESIDE)
    known.add(tried(suspect("skips"), PLAIN, LATE))
    known.add(tried(suspect("breaks"), PLAIN, BESIDE))
    assert "skips" not in names(known.matches)
