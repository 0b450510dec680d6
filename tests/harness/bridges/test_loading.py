"""What an adapter says that it has, it must have."""

import pytest

from harness.bridges import loading
from harness.bridges.adapter import Adapter, Context, Option
from harness.errors import UsageError


class Silent(Adapter):
    """An adapter that has nothing but a way to call."""

    name = "silent"

    def run(self, function: object, *args: object, **options: object) -> None:
        """Do nothing."""


class NoPortal(Silent):
    contexts = frozenset({Context.NO_LOOP, Context.PORTAL})


class NoToken(Silent):
    accepts = frozenset({Option.CANCEL})


@pytest.mark.parametrize(("named", "method"), [(NoPortal, "portal"), (NoToken, "token")])
def test_what_is_named_must_be_there(
    monkeypatch: pytest.MonkeyPatch, named: type[Adapter], method: str
) -> None:
    """A portal or a token that an adapter names and inherits from the base class is a usage error, not failed cells."""
    monkeypatch.setattr(loading, "load", lambda _: named())
    with pytest.raises(UsageError, match=f"has no {method} of its own; give it one"):
        loading.described("package:Adapter")
    monkeypatch.setattr(loading, "load", lambda _: Silent())
    assert loading.described("package:Adapter")["name"] == "silent"
