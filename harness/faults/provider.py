"""The provider answers with an error, late, or with bytes that are no whole answer."""

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from typing import Any, ClassVar

from harness.errors import UsageError
from harness.faults.base import (
    HTML,
    ONCE,
    HeldFault,
    ProviderFault,
    bent,
    closed,
    completion_of,
    error,
    instead,
)
from harness.faults.holds import alarmed, called_once, never_taken, no_error_page
from harness.faults.provider_wire import chunked, first_bytes, framed, length_of, parts_of, wire
from harness.registry import Invariant, fault
from harness.rig import Call, Reply, Rule, check
from harness.variants import chosen
from harness.wire import Ending, Raw

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
DATE_AHEAD_S = 2
"""How far ahead of now an honest date in a Retry-After is."""
DAY_S = 86_400.0
BAD_REQUEST = 400


@fault("provider.rate_limited")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRateLimited(ProviderFault):
    """429 with OpenAI's error.

    `retry_after` is seconds, an HTTP date, `date` for one that is two seconds ahead of now, or None for no such
    header; `code` is `rate_limit_exceeded` or `insufficient_quota`, which no retry will mend.
    """

    retry_after: float | str | None = chosen(1.0, None, "date", DAY_S)
    code: str = chosen("rate_limit_exceeded", "insufficient_quota")

    def __post_init__(self) -> None:
        closed(self, "code")
        _check_retry_after(self.retry_after)

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """A quota that is used up is worth no second call; one that will be free again may be."""
        once = (called_once(self.name),) if self.code == "insufficient_quota" else ()
        return (never_taken(self.name), *once)

    def _rule(self) -> Rule:
        quota = self.code == "insufficient_quota"
        reply = error(
            429,
            "You exceeded your current quota." if quota else "Rate limit reached for requests.",
            kind=self.code if quota else "requests",
            code=self.code,
        )
        return instead(lambda _call: _with_retry_after(reply, self.retry_after))


@fault("provider.server_error")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderServerError(ProviderFault):
    """A status from 500 to 599 at once, with OpenAI's error, a proxy's page or nothing as its `body`.

    `retry_after` is as in `provider.rate_limited`.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (
        never_taken("provider.server_error"),
        no_error_page,
    )
    also: ClassVar[tuple[Mapping[str, Any], ...]] = ({"window": ONCE},)

    status: int = chosen(500, 502, 503, 529)
    body: str = chosen("json", "html", "empty")
    retry_after: float | str | None = None

    def __post_init__(self) -> None:
        check("status", self.status, 500, 599)
        closed(self, "body")
        _check_retry_after(self.retry_after)

    def _rule(self) -> Rule:
        reply = error(self.status, "The server had an error.", kind="server_error", code=None)
        if self.body == "html":
            reply = Reply(status=self.status, headers={"content-type": "text/html"}, body=HTML)
        elif self.body == "empty":
            reply = Reply(status=self.status)
        return instead(lambda _call: _with_retry_after(reply, self.retry_after))


_CLIENT_ERRORS = {
    400: ("context_length_exceeded", "This model's maximum context length is exceeded."),
    401: ("invalid_api_key", "Incorrect API key provided."),
    403: ("unsupported_country_region_territory", "Country, region, or territory not supported."),
    404: ("model_not_found", "The model does not exist or you do not have access to it."),
}
_BAD_SCHEMA = ("invalid_json_schema", "Invalid schema for response_format 'classification'.")


@fault("provider.client_error")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderClientError(ProviderFault):
    """400, 401, 403 or 404 with OpenAI's error: the request, or the key, is at fault, and no retry will mend it.

    `code` is the usual one of the status, or with 400 `invalid_json_schema`.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (
        never_taken("provider.client_error"),
        called_once("provider.client_error"),
        alarmed("provider.client_error"),
    )

    status: int = chosen(400, 401, 403, 404)
    code: str | None = chosen(None, "invalid_json_schema")

    def __post_init__(self) -> None:
        closed(self, "status", "code")
        if self.code is not None and self.status != BAD_REQUEST:
            raise UsageError(f"code={self.code!r}: comes with status=400 only, not with {self.status}")

    def _rule(self) -> Rule:
        code, message = _BAD_SCHEMA if self.code else _CLIENT_ERRORS[self.status]
        reply = error(self.status, message, kind="invalid_request_error", code=code)
        return instead(lambda _call: reply)


@fault("provider.no_reply")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNoReply(HeldFault):
    """The provider takes the request and says nothing for `for_s` seconds; then the honest answer comes, late."""

    for_s: float = 30.0

    def __post_init__(self) -> None:
        check("for_s", self.for_s, 0.001, 86_400)

    def _held_s(self, _call: Call) -> float:
        return self.for_s


@fault("provider.truncated_body")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTruncatedBody(ProviderFault):
    """The connection ends, in order, before the answer does.

    `how` is `short` (the length says the whole, and the last `missing_bytes` never come; an answer that is not longer
    than that loses all of its body), `bad_chunk` (half of the body, then a chunk whose size is no number), `empty` (no
    byte at all, not even a status) or `random` (bytes that are no HTTP in place of the answer).
    """

    on_wire: ClassVar[bool] = True
    holds: ClassVar[tuple[Invariant, ...]] = (never_taken("provider.truncated_body"),)

    missing_bytes: int = 20
    how: str = chosen("short", "bad_chunk", "empty", "random")

    def __post_init__(self) -> None:
        check("missing_bytes", self.missing_bytes, 1, math.inf)
        closed(self, "how")

    def _rule(self) -> Rule:
        match self.how:
            case "short":
                return wire(self._short)
            case "bad_chunk":
                return wire(_bad_chunk)
            case "empty":
                return instead(lambda _call: Reply(status=0, parts=(Ending(),)))
            case _:
                return instead(_random)

    def _short(self, reply: Reply) -> Reply:
        """The reply without its end."""
        there = max(0, length_of(reply) - self.missing_bytes)
        return framed(reply, *first_bytes(parts_of(reply), there), Ending())


def _bad_chunk(reply: Reply) -> Reply:
    """The first half of a reply, and then a chunk whose size is no number."""
    return chunked(
        reply, *first_bytes(parts_of(reply), length_of(reply) // 2), Raw(data=b"nonsense\r\n"), Ending()
    )


def _random(call: Call) -> Reply:
    """Bytes that are no HTTP, the same for the same call."""
    noise = random.Random(f"noise-{call.ordinal}").randbytes(64).translate(None, b"\r\n")
    return Reply(status=0, parts=(Raw(data=noise + b"\r\n\r\n"), Ending()))


_EVENT, _PADDING = b"data: {", b'"padding":"%b",'


@fault("provider.huge_body")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHugeBody(ProviderFault):
    """The honest completion in a body of `size_bytes`: an unknown field, in a stream of its first event, holds the rest."""

    on_wire: ClassVar[bool] = True

    size_bytes: int = 2_000_000

    def __post_init__(self) -> None:
        check("size_bytes", self.size_bytes, 10_000, 1_000_000_000)

    def _rule(self) -> Rule:
        return bent(self._huge)

    def _huge(self, reply: Reply) -> Reply:
        """The reply with its padding in front; one that another fault has cut into pieces has no place for it."""
        if not reply.parts and completion_of(reply):
            return replace(reply, body=self._padded(reply.body, b"{"))
        first, *rest = parts_of(reply)
        if not (isinstance(first, bytes) and first.startswith(_EVENT) and first.endswith(b"}\n\n")):
            return reply
        others_bytes = length_of(reply) - len(first)
        return replace(reply, parts=(self._padded(first, _EVENT, others_bytes), *rest))

    def _padded(self, text: bytes, opening: bytes, others_bytes: int = 0) -> bytes:
        """The text of an object with the padding behind its opening, so that all bytes are as many as they are to be."""
        bare = len(text) + len(_PADDING % b"") + others_bytes
        return opening + _PADDING % (b"x" * max(0, self.size_bytes - bare)) + text.removeprefix(opening)


def _check_retry_after(value: float | str | None) -> None:
    """Hold a Retry-After to seconds from 0 or a date that HTTP can read."""
    if not isinstance(value, str):
        check("retry_after", 0 if value is None else value, 0, 1e12)
        return
    try:
        parsedate_to_datetime(DATE if value == "date" else value)
    except ValueError:
        raise UsageError(
            f"retry_after={value!r}: must be seconds, 'date', or an HTTP date such as '{DATE}'"
        ) from None


def _with_retry_after(reply: Reply, value: float | str | None) -> Reply:
    """The reply with a Retry-After, where one is asked for."""
    if value is None:
        return reply
    if value == "date":
        value = formatdate(time.time() + DATE_AHEAD_S, usegmt=True)
    text = value if isinstance(value, str) else f"{value:.12g}"
    return replace(reply, headers={**reply.headers, "retry-after": text})
