"""C: context variables go in, and come out where that is promised."""

from contextvars import ContextVar

from harness.bridges.adapter import Option
from harness.bridges.place import Failed, Place
from harness.bridges.properties.errors import EVERYWHERE
from harness.bridges.property import conformance

OUTSIDE, INSIDE = "of the caller", "of the coroutine"
VARIABLE: ContextVar[str] = ContextVar("shakeout_bridge", default="of nobody")


async def read() -> str:
    """The value inside."""
    return VARIABLE.get()


async def change() -> None:
    """Set it inside."""
    VARIABLE.set(INSIDE)


@conformance("C1", where=EVERYWHERE)
def context_goes_in(place: Place) -> None:
    """A context variable that the caller has set has that value inside."""

    def body() -> str:
        VARIABLE.set(OUTSIDE)
        return place.run(read)

    if (value := place.enter(body)) != OUTSIDE:
        raise Failed(f"inside it has the value {value!r}")


@conformance("C2", where=EVERYWHERE)
def context_comes_out_as_declared(place: Place) -> None:
    """A change made inside is visible afterwards, by itself or on request, whichever the bridge says."""

    def body(**options: bool) -> bool:
        VARIABLE.set(OUTSIDE)
        place.run(change, **options)
        return VARIABLE.get() == INSIDE

    on_request = Option.COPY_CONTEXT_BACK in place.adapter.accepts
    visible = place.enter(body)
    # A bridge that offers neither way fails: whoever calls through it cannot have the change.
    wanted = place.adapter.shows_changes or not on_request
    if visible != wanted:
        raise Failed(
            "the change is lost" if wanted else "the change is visible without having been asked for"
        )
    if on_request and not place.enter(lambda: body(copy_context_back=True)):
        raise Failed("the change is lost although it was asked for")
