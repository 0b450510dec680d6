"""What the bridge raises of its own: each error says what to do instead."""

import concurrent.futures


class BridgeError(Exception):
    """Any refusal of the bridge: the text says what to do instead.

    BridgeError
    ├── BridgeMisuse     the arguments are wrong
    ├── BridgeTimeout    the call did not end in its time (a TimeoutError too)
    ├── BridgeCancelled  its token, or the task around it, was cancelled (a concurrent.futures.CancelledError too)
    ├── BridgeOnLoop     called on a running loop's own thread, outside of a portal
    ├── BridgeReentry    called from a coroutine on the bridge's own loop
    └── BridgeClosed     the bridge, its process, or the loop that it had adopted, has ended
    """

    remedy = "see the bridge's documentation"

    def __init__(self, text: str = "") -> None:
        super().__init__(text or self.remedy)


class BridgeMisuse(BridgeError):
    """The arguments are wrong: no coroutine function, or a timeout that is none."""

    remedy = "pass a coroutine function and its arguments"


class BridgeTimeout(BridgeError, TimeoutError):
    """The call did not end in its time; its coroutine was cancelled."""

    remedy = "the call did not end in its time: give it more, or make the work shorter"


class BridgeCancelled(BridgeError, concurrent.futures.CancelledError):
    """The token of the call, or the task that waits for this thread, was cancelled; so was the coroutine."""

    remedy = "the call was cancelled by its token or by the task around it: let this error pass"


class BridgeOnLoop(BridgeError):
    """Called on a running loop's own thread, outside of a portal."""

    remedy = (
        "a loop runs in this thread: use `await`, or enter by `await bridge.portal(...)` or "
        "`await bridge.thread(...)`"
    )


class BridgeReentry(BridgeError):
    """Called from a coroutine on the bridge's own loop, which would wait for itself."""

    remedy = (
        "this is the bridge's own loop, which would wait for itself: use `await`, or enter by "
        "`await bridge.portal(...)`"
    )


class BridgeClosed(BridgeError):
    """The bridge, its process, or the loop that it had adopted, has ended."""

    remedy = "the bridge is closed: call while the application runs"
