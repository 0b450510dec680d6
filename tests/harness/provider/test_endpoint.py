"""The HTTP side of the provider, the same behind both doors."""

from typing import Any

import pytest


async def test_a_completion_has_the_envelope_of_openai(bench: Any) -> None:
    """A client that reads ids, usage or the finish reason finds them, and the provider's request id in a header."""
    answer = await bench.ask()
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] == "req_00000001"
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4o-mini"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["refusal"] is None
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


async def test_the_level_is_structured_where_a_schema_is_asked_for(bench: Any) -> None:
    """The witness tells the two levels apart by the request alone."""
    await bench.ask()
    answer = await bench.ask(structured=True)
    assert answer.json()["choices"][0]["message"]["content"] == '{"intent":"email_request","confidence":0.9}'
    assert [call.level for call in bench.witness.records()] == ["conversation", "structured"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"messages": []}',
        b'{"messages": [1]}',
        b'{"messages": [{"content": "x"}]}',
        b"\xff",
    ],
)
async def test_what_is_no_chat_request_is_a_400(bench: Any, content: bytes) -> None:
    """Bad JSON and missing messages are the client's fault, in OpenAI's words, and are witnessed."""
    answer = await bench.client.post("chat/completions", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages"
    assert bench.witness.records()[0].status == 400


async def test_what_cannot_be_simulated_is_refused_and_not_guessed(bench: Any) -> None:
    """A schema that is asked for and not there is a 400 that says so."""
    changes = {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}
    body = {"messages": [{"role": "user", "content": "Hello"}], **changes}
    answer = await bench.client.post("chat/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in changes


async def test_routes_and_methods_that_are_not_there(bench: Any) -> None:
    """Another path is a 404, another method a 405 that names the right one; neither is a call."""
    assert (await bench.client.post("embeddings", json={})).status_code == 404
    wrong = await bench.client.get("chat/completions")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert bench.witness.calls == 0


async def test_the_list_of_models_is_served(bench: Any) -> None:
    """A client that looks for its model at start-up finds one."""
    answer = await bench.client.get("models?limit=1")
    assert [model["object"] for model in answer.json()["data"]] == ["model"]
