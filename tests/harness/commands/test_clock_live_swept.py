"""The wall clock of a live target, swept."""

import json
from pathlib import Path

import pytest

SHOP = Path(__file__).parents[2] / "services" / "shop"
EXPIRES = """
    if abs(time.time() - began.setdefault(conversation, time.time())) > 30:
        return []
"""


def swept(shakeout, place: Path, profile: Path) -> dict[str, tuple[str, bool]]:
    """What came of each fault: its verdict, and whether it fired."""
    faults = ("clock.jump", "clock.strobe")
    shakeout("sweep", *faults, "--stage", "live", "--target", str(profile), "--json", str(place), "--quiet")
    return {
        fault["label"]: (fault["verdict"], fault["fired"] > 0)
        for fault in json.loads(place.read_text())["faults"]
    }


@pytest.mark.parametrize(("flawed", "verdict"), [(False, "passed"), (True, "failed")])
def test_a_service_that_expires_by_the_wall_clock_is_found(shakeout, tmp_path, flawed, verdict):
    """One whose conversations end by the time of day forgets them under either fault; one without that passes."""
    code = (SHOP / "shop.py").read_text()
    if flawed:
        code = code.replace("import threading\n", "import threading\nimport time\n", 1)
        code = code.replace("\npool = ", "\nbegan: dict[str, float] = {}\npool = ", 1)
        code = code.replace('    """The lines of a conversation so far."""\n', EXPIRES, 1)
    (tmp_path / "shop.py").write_text(code)
    (tmp_path / "profile.toml").write_text((SHOP / "profile.toml").read_text())
    found = swept(shakeout, tmp_path / "swept.json", tmp_path / "profile.toml")
    assert found == dict.fromkeys(("clock.jump", "clock.jump(by_s=-3600.0)", "clock.strobe"), (verdict, True))


TIMED = """
    print(json.dumps({"event": "asked", "elapsed_s": time.CLOCK() - started}), flush=True)
"""


@pytest.mark.parametrize(("clock", "verdict"), [("monotonic", "passed"), ("time", "failed")])
def test_a_service_that_counts_time_by_the_wall_clock_is_found(shakeout, tmp_path, clock, verdict):
    """One that logs how long it has been up says an hour, or less than nothing, after a jump; by another clock it does not."""
    code = (SHOP / "shop.py").read_text()
    code = code.replace("import threading\n", "import json\nimport threading\nimport time\n", 1)
    code = code.replace("\npool = ", f"\nstarted = time.{clock}()\npool = ", 1)
    code = code.replace('    """Hold one turn."""\n', TIMED.replace("CLOCK", clock), 1)
    (tmp_path / "shop.py").write_text(code)
    (tmp_path / "profile.toml").write_text((SHOP / "profile.toml").read_text())
    found = swept(shakeout, tmp_path / "swept.json", tmp_path / "profile.toml")
    assert {found["clock.jump"], found["clock.jump(by_s=-3600.0)"]} == {(verdict, True)}
