"""An answer that the harness gave, in the place of a target whose request it had cancelled, is not asked of the target."""

from dataclasses import replace

import pytest

from harness.history import STANDS_IN, LogRecord, Snapshot


def answered(made, *, own, number=1):
    """A turn that was answered 503 in plain text; by the harness, where it is not the target's own."""
    headers = {"content-type": "text/plain"} | ({} if own else {STANDS_IN: "loop.cancel"})
    return made.turn(number, status=503, headers=headers, body="Service Unavailable")


def counted(status):
    """The response counter with one turn of a status."""
    text = f'responses_total{{route="/turn",status="{status}"}} 1.0'
    return Snapshot(at_s=8.0, name="metrics", status=200, data=text)


def an_access_line(status):
    """The server's line about one turn."""
    fields = {"method": "POST", "path": "/turn", "status_code": status}
    return LogRecord(source="access", line=1, text=f"POST /turn {status}", fields=fields)


@pytest.mark.parametrize(
    ("invariant", "records", "lacks"),
    [
        ("logs.counts_agree_with_wire", (), ("request_ids",)),
        ("logs.agree_with_wire", (), ()),
        ("outcome.request_id_returned", (), ()),
        ("logs.access_agrees_with_wire", (an_access_line(499),), ("request_ids", "completion_event")),
        ("logs.metrics_agree_with_wire", (counted(499),), ()),
        ("logs.metrics_agree_with_wire", (), ()),
    ],
)
def test_an_answer_in_its_place_is_no_finding(made, findings, invariant, records, lacks):
    """Neither a record, a line, a metric nor a request id is owed of it; the same answer of the target's own is found."""
    missing = {"request_ids": False, "completion_event": None}
    contract = replace(made.header().contract, **{name: missing[name] for name in lacks})
    theirs, own = (
        findings(invariant, made.history(answered(made, own=own), *records, contract=contract))
        for own in (False, True)
    )
    assert theirs == []
    assert own


def test_what_was_logged_of_a_cancelled_request_is_its_own_to_say(made, findings):
    """A record of 499 beside the harness's 503 is no lie; one of 499 beside the target's own 503 is."""
    lied = []
    for own in (False, True):
        turn = answered(made, own=own)
        record = made.completion(turn, fields={"status_code": 499, "success": False, "complete": False})
        lied.append(findings("logs.agree_with_wire", made.history(turn, record)))
    assert lied[0] == []
    assert len(lied[1]) == 1
