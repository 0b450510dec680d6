"""What four real clients get of each fault of the provider and of its link: their own exception, or an answer.

A row stands under the name of the fault as a sweep plays it, with the knobs that are not their defaults.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

HTML = b"<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>\n"
JSON, EVENTS = "application/json", "text/event-stream"
KEY = "sk-test-0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: `body` makes it of the honest one, and `headers` are those that tell; None is one that is not there."""

    status: int = 200
    body: Callable[[bytes], bytes]
    headers: dict[str, str | None] = field(default_factory=dict)


Row = tuple[str, str, str, str]
"""The exceptions of httpx, httpx over aiohttp, aiohttp and urllib3."""

SHORT: Row = (
    "httpx.RemoteProtocolError",
    "httpx.ReadError",
    "aiohttp.ClientPayloadError",
    "urllib3.ProtocolError",
)
RESET: Row = ("httpx.ReadError", *SHORT[1:])
RESET_BEFORE: Row = (
    "httpx.ReadError",
    "httpx.ConnectTimeout",  # httpx over aiohttp has that name for it
    "aiohttp.ClientOSError",
    "urllib3.ProtocolError",
)
GONE: Row = (
    "httpx.RemoteProtocolError",
    "httpx.ConnectTimeout",
    "aiohttp.ServerDisconnectedError",
    "urllib3.ProtocolError",
)
# httpx over aiohttp passes some of aiohttp's own exceptions on: they are no `httpx.HTTPError`.
NO_HTTP: Row = (
    "httpx.RemoteProtocolError",
    "aiohttp.ClientResponseError",
    "aiohttp.ClientResponseError",
    "urllib3.ProtocolError",
)
SILENCE: Row = (
    "httpx.ReadTimeout",
    "httpx.ReadTimeout",
    "aiohttp.SocketTimeoutError",
    "urllib3.ReadTimeoutError",
)
UNHEARD: Row = (
    "httpx.ConnectTimeout",
    "httpx.ConnectTimeout",
    "aiohttp.ConnectionTimeoutError",
    "urllib3.ConnectTimeoutError",
)
REFUSED: Row = (
    "httpx.ConnectError",
    "httpx.ConnectTimeout",
    "aiohttp.ClientConnectorError",
    "urllib3.NewConnectionError",
)


def _same(honest: bytes) -> bytes:
    return honest


def _error(status: int, message: str, kind: str, code: str | None, **headers: str | None) -> Answer:
    """OpenAI's error."""
    body = orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=lambda _honest: body, headers={"content-type": JSON, **told})


def _said(content: Callable[[str], str | None], finish: str = "stop", **message: Any) -> Answer:
    """The honest completion that says something else of its own content."""

    def body(honest: bytes) -> bytes:
        completion = orjson.loads(honest)
        choice = completion["choices"][0]
        said = {"content": content(choice["message"]["content"]), **message}
        choice["message"] |= said
        choice["finish_reason"] = finish
        return orjson.dumps(completion)

    return Answer(body=body, headers={"content-type": JSON})


def _object(**changes: Any) -> Answer:
    """The honest completion with other values in its object; None takes a key away."""

    def content(text: str) -> str:
        found = {**json.loads(text), **changes}
        return json.dumps({key: value for key, value in found.items() if value is not None})

    return _said(content)


def _nothing(_content: str) -> None:
    return None


def _half_reply(content: str) -> str:
    found = json.loads(content)
    return json.dumps({**found, "reply": found["reply"][: len(found["reply"]) // 2]})


def _latin_1(honest: bytes) -> bytes:
    found = json.loads(orjson.loads(honest)["choices"][0]["message"]["content"])
    told = json.dumps({**found, "reply": f"{found['reply']} caf\u00e9"}, ensure_ascii=False)
    return _said(lambda _content: told).body(honest).decode().encode("latin-1")


def _padded(honest: bytes) -> bytes:
    bare = len(orjson.dumps({"padding": "", **orjson.loads(honest)}))
    return orjson.dumps({"padding": "x" * (2_000_000 - bare), **orjson.loads(honest)})


def _events(first: int | None, last: bytes = b"") -> Answer:
    """The first events of the honest stream, and what comes behind them."""

    def body(honest: bytes) -> bytes:
        return b"".join(event + b"\n\n" for event in honest.split(b"\n\n")[:-1][:first]) + last

    return Answer(body=body, headers={"content-type": EVENTS})


HONEST = Answer(body=_same, headers={"content-type": JSON})
FILTERED, REFUSAL = _said(_nothing, "content_filter"), "I'm sorry, I can't help with that."
LIMIT = (429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded")
SERVER = ("The server had an error.", "server_error", None)
BAD_REQUEST, BAD_KEY = "invalid_request_error", ("invalid_request_error", "invalid_api_key")
FAILED = b'data: {"error":{"message":"The server had an error while processing your request.",'
FAILED += b'"type":"server_error","param":null,"code":null}}\n\n'

FELT: dict[str, Row | Answer] = {
    "network.bandwidth": HONEST,
    "network.black_hole": SILENCE,
    "network.black_hole(direction='up')": SILENCE,
    "network.connect_hang": UNHEARD,
    "network.drop_response": GONE,
    "network.flap": REFUSED,
    "network.flap(settles=True)": REFUSED,
    "network.half_close": GONE,
    "network.half_close(direction='up')": GONE,
    "network.idle_close": RESET_BEFORE,
    "network.idle_close(how='fin')": HONEST,  # each client has seen the close, and opens another
    "network.latency": SILENCE,
    "network.limit_data": SHORT,
    "network.refused": REFUSED,
    "network.reset": RESET,
    "network.slicer": HONEST,
    "network.slow_close": GONE,
    "provider.extra_reply": HONEST,  # what it does is felt by the call behind it
    "provider.headers_only": SILENCE,
    "provider.late_reply": SILENCE,
    "provider.no_reply": SILENCE,
    "provider.pool_held": SILENCE,
    "provider.reset_mid_body": RESET,
    "provider.slow_drip": SILENCE,
    "provider.slow_first_byte": SILENCE,
    "provider.stream_cut": _events(3),
    "provider.stream_cut(after_chunks=0)": _events(0),
    "provider.stream_cut(after_chunks=-1)": _events(-1),
    "provider.stream_cut(how='eof')": SHORT,
    "provider.stream_cut(how='inside_utf8')": SHORT,
    "provider.stream_cut(how='rst')": RESET,
    "provider.stream_cut(first_n=1, how='eof')": SHORT,
    "provider.stream_error": _events(3, FAILED),
    "provider.stream_error(first_n=1)": _events(3, FAILED),
    "provider.stream_stall": SILENCE,
    "provider.truncated_body": SHORT,
    "provider.truncated_body(how='bad_chunk')": NO_HTTP,
    "provider.truncated_body(how='empty')": GONE,
    "provider.truncated_body(how='random')": NO_HTTP,
    "clock.skew": _error(*LIMIT),
    "clock.skew(by_s=-3600.0)": _error(*LIMIT),
    "provider.rate_limited": _error(*LIMIT, retry_after="1"),
    "provider.rate_limited(retry_after=None)": _error(*LIMIT, retry_after=None),
    "provider.rate_limited(retry_after='date')": _error(*LIMIT),
    "provider.rate_limited(retry_after=86400.0)": _error(*LIMIT, retry_after="86400"),
    "provider.rate_limited(code='insufficient_quota')": _error(
        429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota", retry_after="1"
    ),
    **{f"provider.server_error(status={status})": _error(status, *SERVER) for status in (502, 503, 529)},
    "provider.server_error": _error(500, *SERVER),
    "provider.server_error(first_n=1)": _error(500, *SERVER),
    "provider.server_error(body='html')": Answer(
        status=500, body=lambda _honest: HTML, headers={"content-type": "text/html"}
    ),
    "provider.server_error(body='empty')": Answer(
        status=500, body=lambda _honest: b"", headers={"content-type": None}
    ),
    "provider.client_error": _error(
        400, "This model's maximum context length is exceeded.", BAD_REQUEST, "context_length_exceeded"
    ),
    "provider.client_error(status=401)": _error(401, "Incorrect API key provided.", *BAD_KEY),
    "provider.client_error(status=403)": _error(
        403,
        "Country, region, or territory not supported.",
        BAD_REQUEST,
        "unsupported_country_region_territory",
    ),
    "provider.client_error(status=404)": _error(
        404, "The model does not exist or you do not have access to it.", BAD_REQUEST, "model_not_found"
    ),
    "provider.client_error(code='invalid_json_schema')": _error(
        400, "Invalid schema for response_format 'classification'.", BAD_REQUEST, "invalid_json_schema"
    ),
    "provider.secret_echo": _error(401, f"Incorrect API key provided: {KEY}.", *BAD_KEY),
    "provider.secret_echo(where='url')": _error(
        401, f"POST https://api.openai.com/v1/chat/completions?key={KEY} was not authorized.", *BAD_KEY
    ),
    "provider.secret_echo(where='header')": _error(
        401, "Incorrect API key provided.", *BAD_KEY, x_rejected_authorization=f"Bearer {KEY}"
    ),
    "provider.bad_score": _object(confidence=float("nan")),
    "provider.bad_score(value=inf)": _object(confidence=float("inf")),
    "provider.bad_score(value=-1)": _object(confidence=-1),
    "provider.bad_score(value=1.7)": _object(confidence=1.7),
    "provider.bad_score(value='0.9')": _object(confidence="0.9"),
    "provider.low_score": _object(confidence=0.3),
    "provider.low_score(value=0.7)": _object(confidence=0.7),
    "provider.content_filter": FILTERED,
    "provider.refusal": _said(_nothing, refusal=REFUSAL),
    "provider.empty_answer": _said(lambda _content: ""),
    "provider.empty_answer(content=None)": _said(_nothing),
    "provider.finish_length": _said(_nothing, "length"),
    "provider.finish_length(content='valid_prefix')": _said(_half_reply, "length"),
    "provider.huge_body": Answer(body=_padded, headers={"content-type": JSON}),
    "provider.malformed_json": _said(lambda content: content[: len(content) // 2]),
    "provider.malformed_json(form='fenced')": _said(lambda content: f"```json\n{content}\n```"),
    "provider.malformed_json(form='trailing')": _said(lambda content: f"{content}\n\nI hope this helps!"),
    "provider.malformed_json(form='wrong_type')": _said(lambda content: f"[{content}]"),
    "provider.malformed_json(form='html')": Answer(
        body=lambda _honest: HTML, headers={"content-type": "text/html"}
    ),
    "provider.malformed_json(form='wrong_charset')": Answer(
        body=_latin_1, headers={"content-type": f"{JSON}; charset=utf-8"}
    ),
    "provider.schema_misfit": _object(intent=None),
    "provider.schema_misfit(form='empty_choices')": Answer(
        body=lambda honest: orjson.dumps({**orjson.loads(honest), "choices": []}),
        headers={"content-type": JSON},
    ),
    "provider.schema_misfit(form='no_choices')": Answer(
        body=lambda honest: orjson.dumps(
            {key: value for key, value in orjson.loads(honest).items() if key != "choices"}
        ),
        headers={"content-type": JSON},
    ),
    "provider.schema_misfit(form='string_for_object')": _said(
        lambda _content: '"I think that this is a request."'
    ),
    "provider.schema_misfit(form='unknown_label')": _object(intent="teleportation"),
    "provider.schema_misfit(form='extra_key')": _object(reasoning="It reads like one."),
}
