"""The command of a sweep: what it says, what it writes, and how it ends."""

import json
import shlex
from pathlib import Path

import pytest

SERVICES = Path(__file__).parent.parent / "services"


def test_a_sweep_finds_a_mistake_and_names_what_found_it(shakeout, tmp_path):
    """A target that logs under the ids of other requests fails without any fault, exit 1: that is told, and no fault is blamed."""
    place = tmp_path / "sweep.json"
    code, said, _ = shakeout(
        "sweep", "provider.refusal", "--defect", "request_id_global", "--json", str(place)
    )
    document = json.loads(place.read_text())
    assert (code, document["kind"], document["verdict"]) == (1, "sweep", "failed")
    assert (document["faults"], document["not_played"]) == ([], ["provider.refusal"])
    assert "logs.agree_with_wire" in {
        v["invariant"] for one in document["scenarios"] for v in one["violations"]
    }
    assert "logs.agree_with_wire" in said
    assert "not played: 1 (something fails without a fault)" in said


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("path", "/turns", ":5: POST /turns -> 404"),
        ("session", "/nowhere", ":7: no session at /nowhere"),
        ("reply", "/nowhere", ":8: no reply at /nowhere"),
    ],
)
def test_a_mistake_of_the_profile_is_one_line_and_no_finding(shakeout, tmp_path, key, value, said):
    """A wrong path or pointer is told with its line before anything is played, and nobody is accused."""
    turn = {"path": "/ask", "session": "/conversation", "reply": "/answer", key: value}
    (tmp_path / "profile.toml").write_text(
        f"""app = "shop:app"
provider_variable = "LLM_URL"
store_variable = "SHOP_DB"
[turn]
path = "{turn["path"]}"
body = {{ question = "{{message}}", conversation = "{{session}}" }}
session = "{turn["session"]}"
reply = "{turn["reply"]}"
"""
    )
    (tmp_path / "shop.py").write_bytes((SERVICES / "shop" / "shop.py").read_bytes())
    code, out, err = shakeout(
        "sweep", "provider.refusal", "--stage", "live", "--target", str(tmp_path / "profile.toml")
    )
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert f"{tmp_path}/profile.toml{said}" in err


def test_a_sweep_that_finds_nothing_passes(shakeout, tmp_path):
    """The healthy app passes, exit 0, and each fault has fired."""
    place = tmp_path / "sweep.json"
    code, _, _ = shakeout(
        "sweep", "provider.refusal", "provider.server_error", "--json", str(place), "--quiet"
    )
    document = json.loads(place.read_text())
    assert (code, document["verdict"]) == (0, "passed")
    assert all(fault["fired"] > 0 for fault in document["faults"])
    assert "--stage simulated" in document["replay"]


def test_what_fails_without_a_fault_is_played_again_with_the_same_names(shakeout):
    """The command under such a drill is that of the sweep, and not one that plays every fault there is."""
    code, out, _ = shakeout("sweep", "provider.refusal", "--defect", "history_lost")
    assert code == 1
    assert "  again: shakeout sweep provider.refusal --stage simulated" in out


def test_a_label_is_given_again_as_a_shell_takes_it_and_a_reader_can_read_it(shakeout, tmp_path):
    """The quotes of a choice stay as they are, within double ones; a path with a dollar is not expanded."""
    place, label = tmp_path / "a$b.toml", "provider.server_error(body='html')"
    place.write_text((SERVICES / "helpdesk" / "profile.toml").read_text())
    (tmp_path / "helpdesk.py").write_bytes((SERVICES / "helpdesk" / "helpdesk.py").read_bytes())
    told = tmp_path / "sweep.json"
    shakeout("sweep", label, "--target", str(place), "--quiet", "--json", str(told))
    replay = json.loads(told.read_text())["replay"]
    assert f'shakeout sweep "{label}" --stage' in replay
    assert label in shlex.split(replay)
    assert str(place) in shlex.split(replay)
    assert f"'{place}'" in replay


def test_drills_that_were_too_slow_without_a_fault_are_named(shakeout, monkeypatch):
    """On a machine that is late whatever it plays no fault is played: which drills that cost is told, exit 4."""
    monkeypatch.setattr("harness.judge.HARNESS_LAG_MS_MAX", -1.0)
    code, out, _ = shakeout("sweep", "provider.refusal")
    assert code == 4
    said = " ".join(out.split())
    assert "not played: 1 (the machine was too slow for two_sessions without a fault;" in said


def test_a_service_that_drops_what_it_has_taken_up_when_it_is_told_to_end_is_found(shakeout, tmp_path):
    """It ends by itself, at once and with exit code 0: that its clients were left without an answer is told."""
    profile = (SERVICES / "shop" / "profile.toml").read_text()
    (tmp_path / "profile.toml").write_text(profile)
    (tmp_path / "shop.py").write_text(
        (SERVICES / "shop" / "shop.py").read_text()
        + """

import os
import signal


@app.middleware("http")
async def hasty(request, call_next):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    return await call_next(request)
"""
    )
    code, out, _ = shakeout(
        "sweep", "process.terminate", "--stage", "live", "--target", str(tmp_path / "profile.toml")
    )
    assert code == 1
    assert (
        "found: process.terminate: outcome.answered_within_deadline: accepted before SIGTERM and never" in out
    )


def test_what_breaks_the_same_is_told_a_few_times_and_then_named(shakeout):
    """One mistake fails under each of seven: three of a kind are told in full, the rest of it in one line, another kind too."""
    code, out, _ = shakeout("sweep", "provider.server_error", "--defect", "fallback_unnamed")
    assert code == 1
    alike = "degradation.explained, provider.server_error.never_taken"
    assert f"3 more by the same ({alike}): provider.server_error(status=529), " in out
    assert out.count("two_sessions: provider.server_error") == 4
