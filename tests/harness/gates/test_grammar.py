"""The grammar of gates: what is read is written again alike, and what is wrong is shown where it stands."""

import pytest

from harness.gates.criterion import Criterion, Figure, Scope
from harness.gates.grammar import GateSyntaxError, parse
from harness.gates.metrics import METRICS


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("error_rate < 0.1%", Criterion(metric="error_rate", figure=Figure.SHARE, op="<", limit=0.001)),
        (
            " p95 @phase=during:fault<250ms ",
            Criterion(
                metric="p95", figure=Figure.SECONDS, op="<", limit=0.25, scope=Scope(phase="during:fault")
            ),
        ),
        (
            'p999 @endpoint="/a b" @scenario=x <= 2s alpha=0.01 min_n=500 abort',
            Criterion(
                metric="p999",
                figure=Figure.SECONDS,
                op="<=",
                limit=2.0,
                scope=Scope(scenario="x", endpoint="/a b"),
                alpha=0.01,
                min_n=500,
                abort=True,
            ),
        ),
        (
            "status(5xx) == 0 abort",
            Criterion(metric="status", figure=Figure.COUNT, op="==", argument="5xx", abort=True),
        ),
        (
            "share(method=first) >= 99.9%",
            Criterion(metric="share", figure=Figure.SHARE, op=">=", limit=0.999, argument="method=first"),
        ),
        ("rps >= 50", Criterion(metric="rps", figure=Figure.RATE, op=">=", limit=50.0)),
        (
            'log("lost it") increases',
            Criterion(metric="log", figure=Figure.COUNT, op="increases", argument='"lost it"'),
        ),
    ],
)
def test_a_gate_is_read_and_written_again_alike(text: str, gate: Criterion) -> None:
    """Blanks and the order of scopes do not matter; the text of a gate is that gate."""
    assert parse(text) == gate
    assert parse(str(gate)) == gate


@pytest.mark.parametrize(
    ("text", "at", "wrong"),
    [
        ("", 0, "a gate begins with a metric: error_rate, "),
        ("eror_rate < 1%", 0, "there is no metric eror_rate; did you mean error_rate?"),
        ("qqq < 1%", 0, "there is no metric qqq; see shakeout list gates"),
        ("error_rate", 10, "error_rate is compared by < or <="),
        ("p95 > 2s", 4, "p95 is compared by < or <="),
        ("p95 < 2", 7, "the limit of p95 is written in s or in ms"),
        ("p95 < 2 sec", 8, "the limit of p95 is written in s or in ms"),
        ("p95 < -2s", 6, "here stands the limit of p95, a number that is not negative"),
        ("p95(2) < 2s", 3, "p95 takes nothing in brackets"),
        ("error_rate < 200%", 13, "a share is at most 100%"),
        ("error_rate <= 0%", 14, "what can only be estimated is never all or none"),
        ("error_rate < 100%", 13, "what can only be estimated is never all or none"),
        ("share(method=a) >= 100%", 19, "what can only be estimated is never all or none"),
        ("p99 < 1e20s", 6, "a limit is at most 1,000,000,000"),
        (
            "status == 0",
            7,
            "status is followed by its subject in brackets: status(200, or a class such as 5xx)",
        ),
        ("status(999) == 0", 7, "in the brackets of status stands 200, or a class such as 5xx"),
        ("share(x) == 100%", 6, "in the brackets of share stands method=NAME"),
        ("log(x) == 0", 4, 'in the brackets of log stands "EVENT"'),
        ("p95 @fase=x < 2s", 5, "after @ stands one of scenario, endpoint, phase; did you mean phase?"),
        ("p95 @phase=x @phase=y < 2s", 13, "@phase is there twice"),
        ("p95 @phase < 2s", 10, "it is written @phase=NAME"),
        ("p95 < 2s abrt", 9, "behind a limit stands one of alpha, min_n, abort; did you mean abort?"),
        ("p95 < 2s alpha", 14, "it is written alpha=NUMBER"),
        ("p95 < 2s alpha=0.7", 15, "alpha is above 0 and below 0.5"),
        ("p95 < 2s min_n=x", 15, "min_n is a number"),
        ("p95 < 2s min_n=-1", 15, "min_n is not negative"),
        ("p95 < 2s abort abort", 15, "abort is there twice"),
    ],
)
def test_what_is_wrong_is_shown_where_it_stands(text: str, at: int, wrong: str) -> None:
    """Three lines: what is wrong, the gate, and a caret under the place."""
    with pytest.raises(GateSyntaxError) as raised:
        parse(text)
    told, gate, caret = str(raised.value).split("\n")
    assert told.startswith(wrong)
    assert (gate, caret) == (f"  {text}", f"  {' ' * at}^")
    assert raised.value.exit_code == 2


def test_every_metric_says_what_it_is() -> None:
    """Each has a line for `shakeout list gates`, and one for its brackets where it has any."""
    for name, metric in METRICS.items():
        assert metric.summary, name
        assert metric.ops, name
