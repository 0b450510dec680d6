"""Why a level of the chain did not answer: from an error of the transport or a status to one reason.

The reasons are a closed set, `FallbackReason`. `LevelFailed` carries one, and never an address, a key or a text.
"""

from collections.abc import Callable
from email.utils import parsedate_to_datetime

import aiohttp
import httpx
import orjson

from reference_app.contract import FallbackReason

TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
_SERVER_ERROR_STATUS_MIN = 500


class LevelFailed(Exception):
    """A level of the chain did not answer; `reason` is why, and the text holds nothing else."""

    def __init__(self, reason: FallbackReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Retryable(LevelFailed):
    """A failure that one more try, after `after_s` seconds, may heal."""

    def __init__(self, reason: FallbackReason, after_s: float) -> None:
        super().__init__(reason)
        self.after_s = after_s


def transport_reason(error: Exception) -> FallbackReason:
    """The reason for an error of the transport, of whatever type: what no rule knows is `provider_error`.

    A connection that breaks after it was made (reset, cut body, an answer that is no HTTP) is `provider_error`:
    the provider was reached and did not serve. httpx-aiohttp calls those a `ConnectTimeout` like a refused
    connection; only the cause tells them apart.
    """
    if isinstance(error, httpx.PoolTimeout):
        return FallbackReason.POOL_TIMEOUT
    if isinstance(error, httpx.ConnectTimeout) and isinstance(error.__cause__, aiohttp.ClientError):
        connecting = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
        if not isinstance(error.__cause__, connecting):
            return FallbackReason.PROVIDER_ERROR
    unreachable = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
    if isinstance(error, (*unreachable, httpx.InvalidURL, ConnectionRefusedError)):
        return FallbackReason.CONNECT_FAILED
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return FallbackReason.READ_TIMEOUT
    return FallbackReason.PROVIDER_ERROR


def status_reason(status: int) -> FallbackReason:
    """The reason for a status of 300 or more; a redirect is a wrong address, and never followed with the key."""
    if status >= _SERVER_ERROR_STATUS_MIN:
        return FallbackReason.PROVIDER_ERROR
    if status == TOO_MANY_REQUESTS:
        return FallbackReason.RATE_LIMITED
    if status in {401, 403}:
        return FallbackReason.UNAUTHORIZED
    return FallbackReason.BAD_REQUEST


def says_quota(body: bytes) -> bool:
    """True where a 429 says that no waiting will help."""
    try:
        return bool(orjson.loads(body)["error"]["code"] == "insufficient_quota")
    except (ValueError, LookupError, TypeError):
        return False


def retry_after_s(value: str | None, wall_clock: Callable[[], float]) -> float | None:
    """Seconds to wait by a `Retry-After` of seconds or of an HTTP date; None where there is none to be read."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(value).timestamp() - wall_clock())
        except (ValueError, OverflowError):
            return None
    return seconds if seconds >= 0 else None  # NaN is not; what is endless fits in no budget
