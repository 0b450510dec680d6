"""The fingerprint of what a simulated run plays."""

import importlib
import sys
from pathlib import Path

import pytest

from harness.targets import code


@pytest.fixture
def fresh():
    """Forgets what the fingerprint has read: a process reads a file once."""
    code._source.cache_clear()
    yield code._source.cache_clear
    code._source.cache_clear()


def test_a_module_that_is_imported_later_counts(tmp_path: Path, monkeypatch, fresh) -> None:
    """What a handler imports is part of the code that was played, and a change of it is another version."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "imported_late.py").write_text("X = 1")
    before = code.fingerprint("reference_app.app:app")
    importlib.import_module("imported_late")
    loaded = code.fingerprint("reference_app.app:app")
    assert loaded != before
    assert "imported_late" in code.own_modules("reference_app.app:app")
    fresh()
    assert code.fingerprint("reference_app.app:app") == loaded
    (tmp_path / "imported_late.py").write_text("X = 2")
    fresh()
    assert code.fingerprint("reference_app.app:app") != loaded
    del sys.modules["imported_late"]


def test_the_harness_and_the_library_are_no_part_of_the_app() -> None:
    """A restart forgets the app's modules, and neither ours nor those that are installed."""
    own = code.own_modules("reference_app.app:app")
    assert not [name for name in own if name.partition(".")[0] in ("harness", "asyncio", "fastapi", "httpx")]
