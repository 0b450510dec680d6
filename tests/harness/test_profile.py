"""A profile that is wrong is told in one line, with the key."""

import sys

import pytest

from harness.errors import UsageError
from harness.registry import INVARIANTS
from harness.targets import profile as profiles
from harness.targets.template import TurnTemplate

GOOD = """
name = "x"
app = "m:f"
[turn]
path = "/turn"
body = { text = "{message}", session = "{session}", n = 1 }
[contract]
deadline_s = 2
statuses = [200]
"""


def read(tmp_path, text):
    """Read a profile with this text."""
    path = tmp_path / "profile.toml"
    path.write_text(text)
    return profiles.load(str(path))


def test_a_short_profile_is_enough(tmp_path):
    """Ten lines hold a turn: the rest has defaults."""
    profile = read(tmp_path, GOOD)
    assert profile.turn.render("hi", None) == {"text": "hi", "n": 1}
    assert profile.turn.render("hi", "s1") == {"text": "hi", "session": "s1", "n": 1}
    assert profile.contract.statuses == (200,)
    assert profile.contract.turn_path == "/turn"


def test_a_service_that_promises_nothing_needs_no_contract(tmp_path):
    """Seven lines are enough: it must answer in time, with anything that is no bug of its own."""
    profile = read(
        tmp_path, GOOD.partition("[contract]")[0].replace('app = "m:f"', 'command = "run me {port}"')
    )
    assert (profile.command, profile.contract.deadline_s) == (("run", "me", "{port}"), 10.0)
    assert 503 in profile.contract.statuses
    assert 500 not in profile.contract.statuses
    assert profile.capabilities == {"provider", "sessions", "process"}


@pytest.mark.parametrize(
    "promise", ['in_flight_metric = "x"', 'dropped_lines_metric = "x"', 'alarm_metrics = ["x"]']
)
def test_what_is_counted_must_be_read_somewhere(tmp_path, promise):
    """A promise of a metric without the path of the metrics could never be held."""
    with pytest.raises(UsageError, match="metrics must say where"):
        read(tmp_path, GOOD + promise)
    read(tmp_path, GOOD.replace("[turn]", 'metrics = "/metrics"\n[turn]') + promise)


def test_sessions_are_promised_by_the_body(tmp_path):
    """A turn that names no session has no history, and no invariant asks for one; nobody has to write that down."""
    assert read(tmp_path, GOOD).contract.sessions
    assert not read(tmp_path, GOOD.replace(', session = "{session}"', "")).contract.sessions
    with pytest.raises(UsageError, match="sessions is no key"):
        read(tmp_path, GOOD + "sessions = false\n")
    assert INVARIANTS.get("sessions.history_preserved").promises == ("sessions",)


@pytest.mark.parametrize(
    ("line", "outlive"),
    [("", False), ('store = "sqlite"', True), ('store_variable = "DB"', True)],
)
def test_sessions_outlive_a_process_where_there_is_a_store(tmp_path, line, outlive):
    """A service without a store is not asked after a restart for what it knew; the contract may say otherwise of either."""
    text = GOOD.replace('app = "m:f"', f'app = "m:f"\n{line}')
    assert read(tmp_path, text).contract.sessions_outlive is outlive
    said = f"{text}sessions_outlive = {str(not outlive).lower()}\n"
    assert read(tmp_path, said).contract.sessions_outlive is not outlive


def test_a_session_is_known_by_its_names_in_answer_and_body(tmp_path):
    """By the last part of the pointer and by the key that holds it, however deep: so it is called in the log."""
    nested = GOOD.replace(', session = "{session}"', ', of = [{ trip = "{session}" }]')
    told = nested.replace("[contract]", 'session = "/data/voyage"\n[contract]')
    assert read(tmp_path, told).contract.session_names == ("voyage", "trip")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "x"', 'nam = "x"', "nam is no key of a profile"),
        ('app = "m:f"', "", "profile.toml:2: give one of app, command and url"),
        (
            'app = "m:f"',
            'app = "m:f"\nurl = "http://127.0.0.1:1"',
            "profile.toml:3: give one of app, command and url",
        ),
        (
            'app = "m:f"',
            'command = "serve --port 80"',
            "profile.toml:3: command: {port} must stand somewhere",
        ),
        ('app = "m:f"', 'url = "127.0.0.1"', "profile.toml:3: url = '127.0.0.1': give http://HOST:PORT"),
        ('app = "m:f"', 'app = "m:f"\nstore = "redis"', "profile.toml:4: store: "),
        ('app = "m:f"', 'app = "m:f"\nhealth = "up"', "profile.toml:4: health = 'up': a path begins with /"),
        ("[turn]", "[turns]", "has no [turn]"),
        ("deadline_s = 2", 'deadline_s = "soon"', "contract.deadline_s: "),
        ("statuses", "status", "profile.toml:9: [contract] status is no key"),
        ("statuses = [200]", "statuses = 200", "profile.toml:9: contract.statuses: "),
        ("[contract]", "[contract", "line 7"),
        ("{message}", "{mesage}", "{message} must stand somewhere"),
        ("n = 1", 'n = "{user}"', "only {message}, {session} and {stream} are known"),
        ('path = "/turn"', 'path = "turn"', "a path begins with /"),
        ('path = "/turn"', 'path = "/turn"\nsession = "sid"', "a JSON pointer begins with /"),
        ('path = "/turn"', 'path = "/turn"\nreply = "text"', "profile.toml:6: [turn] reply = 'text'"),
        (
            'path = "/turn"',
            'path = "/turn"\nheaders = { a = "$NO_SUCH_NAME" }',
            "the environment has no NO_SUCH_NAME",
        ),
        (
            'path = "/turn"',
            'path = "/turn"\nheaders = { a = "Bearer $NO_SUCH_NAME" }',
            "profile.toml:6: [turn] headers: a = 'Bearer $NO_SUCH_NAME', and the environment has no NO_SUCH_NAME",
        ),
        (
            'app = "m:f"',
            'app = "m:f"\nstore_template = "{dir}/x.db"',
            "profile.toml:4: store_template = '{dir}/x.db': unknown {dir}; there is {directory}",
        ),
        (
            'app = "m:f"',
            'app = "m:f"\nlog = "{run}/x.log"',
            "profile.toml:4: log = '{run}/x.log': unknown {run}; there is {directory}",
        ),
        (
            'app = "m:f"',
            'url = "http://127.0.0.1:1"\nlog = "{directory}/x.log"',
            "profile.toml:4: log = '{directory}/x.log': {directory} means nothing with url",
        ),
        ('path = "/turn"', 'path = "/turn"\nstream = "maybe"', "profile.toml:6: turn.stream: "),
        ("deadline_s = 2", "deadline_s = -5", "must be above 0"),
        ("[200]", "[]", "name at least one"),
        ('app = "m:f"', 'app = "m"', "give MODULE:NAME"),
        ('app = "m:f"', 'app = "m:f"\nsync_entry = "m"', "give MODULE:NAME of the function"),
        ("deadline_s = 2", 'deadline_s = 2\nhealth_path = "/h"', "health_path is no key"),
    ],
)
def test_a_wrong_profile_is_told_in_one_line(tmp_path, old, new, said):
    """A misspelt, missing or ill-typed key and broken TOML are named with their place."""
    with pytest.raises(UsageError) as refused:
        read(tmp_path, GOOD.replace(old, new))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_braces_and_dollars_that_name_nothing_are_left_alone(tmp_path, monkeypatch):
    """A variable may hold JSON, a header a price and a word of the environment; places may be in the run's folder."""
    monkeypatch.setenv("SET_NAME", "s")
    more = 'app = "m:f"\nlog = "{directory}/x.log"\nstore_template = "{directory}/x.db"'
    text = GOOD.replace('app = "m:f"', more).replace(
        "n = 1 }", 'n = 1 }\nheaders = { a = "$SET_NAME", b = "5$ or $5" }'
    )
    profile = read(tmp_path, text + "[environment]\nRULES = '{a}{\"b\": {c}}'\n")
    assert profile.environment == {"RULES": '{a}{"b": {c}}'}
    assert profile.turn.headers["b"] == "5$ or $5"


@pytest.mark.parametrize(
    "where", ["no_such_package:profile.toml", "reference_app:none.toml", "/nowhere/p.toml"]
)
def test_a_profile_that_is_not_there_is_refused(where):
    """A missing package, file of a package, or path is refused with what a target is."""
    with pytest.raises(UsageError, match="a target is"):
        profiles.load(where)


def test_the_reference_profile_is_read():
    """The default target is described by the same kind of file as anybody's."""
    profile = profiles.load()
    assert profile.name == "reference_app"
    assert set(profiles.defect_catalog(profile)) >= {"async_context_skip", "history_lost"}
    with pytest.raises(UsageError, match="has no defect nothing"):
        profiles.check_defects(profile, ("nothing",))


def test_a_nested_body_is_filled_wherever_its_words_stand():
    """Messages in lists and objects, as chat APIs have them, are filled in; a session that is not known is left out."""
    body = {"messages": [{"role": "user", "content": "{message}"}], "meta": {"session": "{session}", "n": 1}}
    template = TurnTemplate(path="/t", body=body)
    filled = {"messages": [{"role": "user", "content": "hi"}], "meta": {"n": 1}}
    assert template.render("hi", None) == filled
    assert template.render("hi", "s")["meta"] == {"session": "s", "n": 1}
    assert template.holds_sessions
    assert not TurnTemplate(path="/t", body={"text": "{message}"}).holds_sessions


def test_braces_of_a_message_are_kept():
    """A message that holds braces, or the word {session}, is sent as it stands."""
    template = TurnTemplate(path="/t", body={"text": "{message}", "session": "{session}"})
    assert template.render("{session} {0}", "s") == {"text": "{session} {0}", "session": "s"}


def test_the_catalogue_of_defects_is_found_beside_the_profile(tmp_path):
    """A profile and its service in one folder need no path to be set, and the import path is as before."""
    (tmp_path / "beside_the_profile.py").write_text("DEFECTS = {'one': None}")
    before = list(sys.path)
    profile = read(tmp_path, 'defects = "beside_the_profile:DEFECTS"' + GOOD)
    assert list(profiles.defect_catalog(profile)) == ["one"]
    assert sys.path == before
    del sys.modules["beside_the_profile"]
