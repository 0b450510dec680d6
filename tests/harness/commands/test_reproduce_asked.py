"""`shakeout reproduce` of a log in which a request beside the turns went wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

SERVICES = Path(__file__).parents[2] / "services"
APP = f"""\
import sys
sys.path.insert(0, {str(SERVICES / "helpdesk")!r})
from helpdesk import app as helpdesk

async def app(scope, receive, send):
    if scope["type"] != "http" or scope["path"] != "/report":
        return await helpdesk(scope, receive, send)
    await send({{"type": "http.response.start", "status": 500, "headers": []}})
    await send({{"type": "http.response.body", "body": b"no"}})
"""
LOG = """\
INFO:     10.0.0.1:1 - "POST /help HTTP/1.1" 200 OK
INFO:     10.0.0.1:1 - "GET /report?day=3 HTTP/1.1" 500 Internal Server Error
"""


@pytest.mark.timeout(300)
def test_a_request_beside_the_turns_is_sent_as_the_log_has_it(
    shakeout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service fails so without any fault: that is the cause, no fault is tried, and the file sends that request."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reporting.py").write_text(APP)
    profile = (SERVICES / "helpdesk" / "profile.toml").read_text()
    (tmp_path / "profile.toml").write_text(profile.replace('"helpdesk:app"', '"reporting:app"'))
    (tmp_path / "incident.log").write_text(LOG)
    command = (
        "reproduce",
        "incident.log",
        "--target",
        "profile.toml",
        "-o",
        "found.py",
        "--json",
        "told.json",
    )
    code, said, complained = shakeout(*command, "--stage", "simulated", "--for", "2m")
    assert code == 0, said + complained
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["causes"][0]["name"], told["played"]) == ("no fault", 0)
    assert 'Request(path="/report")' in (tmp_path / "found.py").read_text()
