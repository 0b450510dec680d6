"""The provider answers with an error, late, or with bytes that are no whole answer."""

import math
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

import orjson

from harness.errors import UsageError
from harness.faults.base import HTML, ProviderFault, bent, choice, completion_of, error, instead
from harness.registry import fault
from harness.rig import Answer, Call, Reply, Rig, Rule, check


@fault("provider.rate_limited")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRateLimited(ProviderFault):
    """429 with OpenAI's error.

    `retry_after` is seconds, an HTTP date, or None for no such header; `code` is `rate_limit_exceeded` or
    `insufficient_quota`, which no retry will mend.
    """

    retry_after: float | str | None = 1.0
    code: str = "rate_limit_exceeded"

    def __post_init__(self) -> None:
        choice("code", self.code, ("rate_limit_exceeded", "insufficient_quota"))
        _check_retry_after(self.retry_after)

    def _rule(self) -> Rule:
        quota = self.code == "insufficient_quota"
        reply = error(
            429,
            "You exceeded your current quota." if quota else "Rate limit reached for requests.",
            kind=self.code if quota else "requests",
            code=self.code,
        )
        return instead(_with_retry_after(reply, self.retry_after))


@fault("provider.server_error")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderServerError(ProviderFault):
    """A status from 500 to 599 at once, with OpenAI's error, a proxy's page or nothing as its `body`.

    `retry_after` is seconds, an HTTP date, or None for no such header.
    """

    status: int = 500
    body: str = "json"
    retry_after: float | str | None = None

    def __post_init__(self) -> None:
        check("status", self.status, 500, 599)
        choice("body", self.body, ("json", "html", "empty"))
        _check_retry_after(self.retry_after)

    def _rule(self) -> Rule:
        reply = error(self.status, "The server had an error.", kind="server_error", code=None)
        if self.body == "html":
            reply = Reply(status=self.status, headers={"content-type": "text/html"}, body=HTML)
        elif self.body == "empty":
            reply = Reply(status=self.status)
        return instead(_with_retry_after(reply, self.retry_after))


_CLIENT_ERRORS = {
    400: ("context_length_exceeded", "This model's maximum context length is exceeded."),
    401: ("invalid_api_key", "Incorrect API key provided."),
    403: ("unsupported_country_region_territory", "Country, region, or territory not supported."),
    404: ("model_not_found", "The model does not exist or you do not have access to it."),
}


@fault("provider.client_error")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderClientError(ProviderFault):
    """400, 401, 403 or 404 with OpenAI's error: the request, or the key, is at fault, and no retry will mend it."""

    status: int = 400

    def __post_init__(self) -> None:
        choice("status", self.status, _CLIENT_ERRORS)

    def _rule(self) -> Rule:
        code, message = _CLIENT_ERRORS[self.status]
        return instead(error(self.status, message, kind="invalid_request_error", code=code))


@fault("provider.no_reply")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNoReply(ProviderFault):
    """The provider takes the request and says nothing for `for_s` seconds; then the honest answer comes, late."""

    for_s: float = 30.0

    def __post_init__(self) -> None:
        check("for_s", self.for_s, 0.001, 86_400)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""

        async def silent(call: Call, answer: Answer) -> Reply:
            await rig.clock.sleep(self.for_s)
            return await answer(call)

        return rig.provider.wrapped(self.name, silent, self.window)


@fault("provider.truncated_body")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTruncatedBody(ProviderFault):
    """Content-Length says the whole, the last `missing_bytes` never come, and the connection ends.

    An answer that is not longer than that loses all of its body.
    """

    missing_bytes: int = 20

    def __post_init__(self) -> None:
        check("missing_bytes", self.missing_bytes, 1, math.inf)

    def _rule(self) -> Rule:
        return bent(self._short)

    def _short(self, reply: Reply) -> Reply:
        """The reply without its end."""
        length = len(reply.body)
        if not length:
            return reply
        headers = {**reply.headers, "content-length": str(length)}
        return replace(reply, headers=headers, body=reply.body[: -self.missing_bytes])


@fault("provider.huge_body")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHugeBody(ProviderFault):
    """The honest completion in a body of `size_bytes` on one line: an unknown field holds the rest."""

    size_bytes: int = 2_000_000

    def __post_init__(self) -> None:
        check("size_bytes", self.size_bytes, 10_000, 1_000_000_000)

    def _rule(self) -> Rule:
        return bent(self._huge)

    def _huge(self, reply: Reply) -> Reply:
        """The reply with its padding in front."""
        completion = completion_of(reply)
        if completion is None:
            return reply
        bare = len(orjson.dumps({"padding": "", **completion}))
        padding = "x" * max(0, self.size_bytes - bare)
        return replace(reply, body=orjson.dumps({"padding": padding, **completion}))


def _check_retry_after(value: float | str | None) -> None:
    """Hold a Retry-After to seconds from 0 or a date that HTTP can read."""
    if not isinstance(value, str):
        check("retry_after", 0 if value is None else value, 0, 1e12)
        return
    try:
        parsedate_to_datetime(value)
    except ValueError:
        raise UsageError(
            f"retry_after={value!r}: must be seconds, or an HTTP date such as 'Wed, 21 Oct 2026 07:28:00 GMT'"
        ) from None


def _with_retry_after(reply: Reply, value: float | str | None) -> Reply:
    """The reply with a Retry-After, where one is asked for."""
    if value is None:
        return reply
    text = value if isinstance(value, str) else f"{value:.12g}"
    return replace(reply, headers={**reply.headers, "retry-after": text})
