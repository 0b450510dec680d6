"""The grammar of gates, and where in a gate it was left.

gate   = metric {scope} (op limit | "increases") {option}
metric = error_rate | p50..p9999 | ttft_p50..ttft_p9999 | max | rps | status(200) | status(5xx)
       | share(method=NAME) | forgotten | misreported | unclassified
       | log("EVENT") | log_text("TEXT") | log_status(500)
scope  = @scenario=NAME | @endpoint=PATH | @phase=NAME
op     = < | <= | > | >= | ==
limit  = NUMBER [% | ms | s]
option = alpha=NUMBER | min_n=NUMBER | abort
"""

import difflib
import re
from dataclasses import fields, replace
from decimal import Decimal

from harness.errors import UsageError
from harness.gates.criterion import INCREASES, Criterion, Figure, Scope
from harness.gates.metrics import METRICS, Metric

_BLANKS = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_OP = re.compile(r"<=|>=|==|<|>")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_UNIT = re.compile(r"%|ms\b|s\b")
_ARGUMENT = re.compile(r'\(\s*("[^"]*"|[^()"]*?)\s*\)')
_VALUE = re.compile(r'"([^"]*)"|([^\s<>="]+)')
_STATUS = re.compile(r"[1-5](?:\d\d|xx)")
_METHOD = re.compile(r"method=\S+")
LIMIT_MAX = 1_000_000_000
_SCOPES = tuple(item.name for item in fields(Scope))
_OPTIONS = ("alpha", "min_n", "abort")


class GateSyntaxError(UsageError):
    """A gate that cannot be read: what is wrong, the gate, and a caret under the place."""

    def __init__(self, text: str, at: int, wrong: str) -> None:
        super().__init__(f"{wrong}\n  {text}\n  {' ' * at}^")


def parse(text: str) -> Criterion:
    """The gate in a line of text.

    Raises:
        GateSyntaxError: it is none; the message has three lines, the last of which is a caret under the place.
    """
    return _Reader(" ".join(text.splitlines())).gate()


class _Reader:
    """One gate, read from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def gate(self) -> Criterion:
        """All of it."""
        name, kind = self._metric()
        argument = self._argument(name, kind)
        scope = self._scope()
        op = self._op(name, kind)
        limit = 0.0 if op == INCREASES else self._limit(name, kind, op)
        start = Criterion(metric=name, figure=kind.figure, op=op, limit=limit, argument=argument, scope=scope)
        return self._options(start)

    def _metric(self) -> tuple[str, Metric]:
        at = self._skip()
        name = self._take(_NAME)
        if name is None:
            raise self._wrong(at, f"a gate begins with a metric: {', '.join(METRICS)}")
        if name not in METRICS:
            known = _meant(name, METRICS) or "; see shakeout list gates"
            raise self._wrong(at, f"there is no metric {name}{known}")
        return name, METRICS[name]

    def _argument(self, name: str, kind: Metric) -> str:
        at = self._skip()
        found = _ARGUMENT.match(self._text, at)
        if not kind.argument:
            if self._text.startswith("(", at):
                raise self._wrong(at, f"{name} takes nothing in brackets")
            return ""
        if found is None or not found[1].strip('" '):
            raise self._wrong(at, f"{name} is followed by its subject in brackets: {name}({kind.argument})")
        if not _is_subject(name, found[1]):
            raise self._wrong(found.start(1), f"in the brackets of {name} stands {kind.argument}")
        self._at = found.end()
        return found[1]

    def _scope(self) -> Scope:
        scope = Scope()
        while self._text.startswith("@", at := self._skip()):
            self._at += 1
            key = self._take(_NAME) or ""
            if key not in _SCOPES:
                raise self._wrong(at + 1, f"after @ stands one of {', '.join(_SCOPES)}{_meant(key, _SCOPES)}")
            if getattr(scope, key):
                raise self._wrong(at, f"@{key} is there twice")
            scope = replace(scope, **{key: self._value(f"@{key}=NAME")})
        return scope

    def _op(self, name: str, kind: Metric) -> str:
        at = self._skip()
        if INCREASES in kind.ops and self._text.startswith(INCREASES, at):
            self._at = at + len(INCREASES)
            return INCREASES
        op = self._take(_OP)
        if op not in kind.ops:
            raise self._wrong(at, f"{name} is compared by {' or '.join(kind.ops)}")
        return op

    def _limit(self, name: str, kind: Metric, op: str) -> float:
        at = self._skip()
        number = self._take(_NUMBER)
        if number is None:
            raise self._wrong(at, f"here stands the limit of {name}, a number that is not negative")
        unit_at = self._skip()
        unit = self._take(_UNIT) or ""
        limit, wanted = Decimal(number), _UNITS[kind.figure]
        if unit not in wanted:
            raise self._wrong(unit_at, f"the limit of {name} is written {' or '.join(wanted.values())}")
        if kind.figure is Figure.SHARE:
            if limit > 100:  # noqa: PLR2004  # per cent
                raise self._wrong(at, "a share is at most 100%")
            if op != "==" and not 0 < limit < 100:  # noqa: PLR2004  # the same
                raise self._wrong(
                    at, "what can only be estimated is never all or none: above 0% and below 100%"
                )
            return float(limit / 100)
        if kind.figure is Figure.SECONDS and not limit:
            raise self._wrong(at, "nothing takes no time: a limit of a duration is above 0")
        exact = limit / 1000 if unit == "ms" else limit
        if exact > LIMIT_MAX:
            raise self._wrong(at, f"a limit is at most {LIMIT_MAX:,}")
        return float(exact)

    def _options(self, criterion: Criterion) -> Criterion:
        given: dict[str, float | int | bool] = {}
        while (at := self._skip()) < len(self._text):
            key = self._take(_NAME) or ""
            if key not in _OPTIONS:
                raise self._wrong(
                    at, f"behind a limit stands one of {', '.join(_OPTIONS)}{_meant(key, _OPTIONS)}"
                )
            if key in given:
                raise self._wrong(at, f"{key} is there twice")
            given[key] = key == "abort" or self._option(key)
        return replace(criterion, **given)  # type: ignore[arg-type]  # each has its own type, by its name

    def _option(self, key: str) -> float | int:
        at = self._skip()
        value = self._value(f"{key}=NUMBER")
        try:
            number = float(value) if key == "alpha" else int(value)
        except ValueError:
            raise self._wrong(at + 1, f"{key} is a number") from None
        if key == "alpha" and not 0 < number < 0.5:  # noqa: PLR2004  # above that a gate says nothing
            raise self._wrong(at + 1, "alpha is above 0 and below 0.5")
        if number < 0:
            raise self._wrong(at + 1, f"{key} is not negative")
        return number

    def _value(self, form: str) -> str:
        """What follows an equals sign."""
        at = self._at
        found = _VALUE.match(self._text, at + 1)
        if not self._text.startswith("=", at) or found is None:
            raise self._wrong(at, f"it is written {form}")
        self._at = found.end()
        return found[1] or found[2] or ""

    def _skip(self) -> int:
        """Pass over blanks; where the reader stands then."""
        found = _BLANKS.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        """What matches here, or None."""
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _wrong(self, at: int, wrong: str) -> GateSyntaxError:
        return GateSyntaxError(self._text, at, wrong)


_UNITS = {
    Figure.SHARE: {"%": "in %"},
    Figure.SECONDS: {"s": "in s", "ms": "in ms"},
    Figure.COUNT: {"": "without a unit"},
    Figure.RATE: {"": "without a unit, by the second"},
}
"""The units of each figure, and how they are told."""


def _is_subject(name: str, argument: str) -> bool:
    """Whether this may stand in the brackets of a metric."""
    match name:
        case "status":
            return _STATUS.fullmatch(argument) is not None
        case "log_status":
            return _STATUS.fullmatch(argument) is not None and argument.isdigit()
        case "share":
            return _METHOD.fullmatch(argument) is not None
        case _:
            return argument.startswith('"')


def _meant(name: str, known: object) -> str:
    """What may have been meant, as a question."""
    close = difflib.get_close_matches(name, list(known), n=1)  # type: ignore[call-overload]  # any collection of names
    return f"; did you mean {close[0]}?" if close else ""
