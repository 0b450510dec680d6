"""The public names: what users import stays where it is, and every public name says what it is."""

import importlib
import inspect

import pytest

PUBLIC = {
    "harness.scenario": ["Disconnect", "Parallel", "Request", "Restart", "Scenario", "Turn", "Wait"],
    "harness.rig": ["Fault", "Rig", "Window"],
    "harness.registry": ["Invariant", "fault", "invariant"],
    "harness.history": [
        "Exchange",
        "FaultFired",
        "History",
        "LogRecord",
        "Probe",
        "Snapshot",
        "UpstreamCall",
    ],
    "harness.verdict": ["Finding", "ScenarioVerdict", "Verdict", "Violation"],
    "harness.errors": ["InvalidRun", "ShakeoutError", "TargetFailed", "UsageError"],
    "harness.faults": [
        "NetworkRefused",
        "ProviderLowScore",
        "ProviderMalformedJson",
        "ProviderNoReply",
        "ProviderRateLimited",
        "ProviderServerError",
    ],
    "harness.provider": ["ProviderServer", "Script", "SimulatedTransport", "Witness", "install"],
    "reference_app.app": ["app", "build"],
    "reference_app.bridge": ["Bridge", "BridgeClosed", "BridgeOnLoop", "BridgeReentry", "BridgeTimeout"],
    "reference_app.classifier": ["IntentClassifier"],
    "reference_app.components": ["Components"],
    "reference_app.defects": ["DEFECTS"],
    "reference_app.rehearsal": ["create"],
}


@pytest.mark.parametrize(("module", "names"), PUBLIC.items(), ids=PUBLIC)
def test_public_names_are_there_and_documented(module: str, names: list[str]) -> None:
    """Each public name can be imported from its place, and each class and function has a docstring of its own."""
    imported = importlib.import_module(module)
    for name in names:
        thing = getattr(imported, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert (thing.__doc__ or "").strip(), name


def test_a_fault_and_an_invariant_say_in_one_line_what_they_are() -> None:
    """The first line of each docstring is a sentence, for `shakeout list` shows it alone."""
    from harness.registry import FAULTS, INVARIANTS  # noqa: PLC0415  # kept from the collection of other tests

    lines = {name: (fault.__doc__ or "").strip().splitlines()[0] for name, fault in FAULTS.items()}
    lines |= {invariant.name: invariant.summary for invariant in INVARIANTS.values()}
    for name, line in lines.items():
        assert line.endswith("."), name
        assert "." in name, f"{name}: names are area.what"
