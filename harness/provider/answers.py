"""Honest answers: what the simulated model says when nothing is wrong. The same call gets the same bytes.

Without a schema (level `conversation`) the content is a JSON object with `intent`, `confidence` and `reply` where the
system prompt asks for JSON, else the reply alone. With one (level `structured`) it is an instance of the schema.
"""

from typing import Any

import orjson

from harness.provider.intents import conversation_intent
from harness.provider.messages import Said, messages_of, said
from harness.provider.schemas import Filler
from harness.rig import Call, Reply

CONFIDENCE = 0.92
MODEL = "gpt-4o-mini"
EPOCH_S = 1_700_000_000
"""`created` counts on from here, so that two runs give the same bytes."""
ECHO_CHARACTERS_MAX = 200

_REPLIES = {
    "question": "Here is what I know about it. Would you like an e-mail about it?",
    "request": "I have begun with it. Shall I go on with the e-mail?",
    "complaint": "I am sorry about that; I will put it right.",
    "praise": "Thank you, that is good to hear.",
    "general_conversation": "Understood. Tell me more.",
    "escalation": "I pass this on to a colleague, who will be in touch.",
    "completion": "Good, then we are done here.",
}


def honest_reply(call: Call) -> Reply:
    """The answer to a chat completion; 400 where the request is none, as OpenAI words it."""
    messages = messages_of(call.body)
    if messages is None:
        return error_reply(400, "Missing required parameter: 'messages'.", param="messages")
    conversation = said(messages)
    if call.level == "structured":
        schema = _schema(call.body)
        if schema is None:
            return error_reply(
                400,
                "Missing required parameter: 'response_format.json_schema.schema'.",
                param="response_format",
            )
        reply = _reply(conversation, conversation_intent(conversation))
        content = _json(Filler(schema, message=conversation.message, reply=reply).fill())
    else:
        content = _conversation_content(conversation, call.body)
    return _completion(call, content, prompt=conversation)


def error_reply(status: int, message: str, *, param: str | None = None, code: str | None = None) -> Reply:
    """An error in OpenAI's envelope."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Reply(
        status=status, headers={"content-type": "application/json"}, body=orjson.dumps({"error": error})
    )


def _schema(body: dict[str, object]) -> dict[str, Any] | None:
    """The schema that is asked for."""
    wanted = body.get("response_format")
    named = wanted.get("json_schema") if isinstance(wanted, dict) else None
    schema = named.get("schema") if isinstance(named, dict) else None
    return schema if isinstance(schema, dict) else None


def _conversation_content(conversation: Said, body: dict[str, object]) -> str:
    """What the conversation-aware level is told."""
    intent = conversation_intent(conversation)
    reply = _reply(conversation, intent)
    wanted = body.get("response_format")
    if "json" in conversation.system.lower() or (
        isinstance(wanted, dict) and wanted.get("type") == "json_object"
    ):
        return _json({"intent": intent, "confidence": CONFIDENCE, "reply": reply})
    return reply


def _reply(conversation: Said, intent: str) -> str:
    """The text for the user: it says which turn this is, and what was understood of the message."""
    message = " ".join(conversation.message.split())
    if len(message) > ECHO_CHARACTERS_MAX:
        half = ECHO_CHARACTERS_MAX // 2
        message = f"{message[:half]} ... {message[-half:]}"
    return f'(Turn {conversation.turns_before + 1}) On "{message}": {_REPLIES[intent]}'


def _json(value: object) -> str:
    """Compact JSON."""
    return orjson.dumps(value).decode()


def _completion(call: Call, content: str, *, prompt: Said) -> Reply:
    """The envelope of a completion."""
    prompt_tokens = len(prompt.system.split()) + len(prompt.message.split())
    prompt_tokens += sum(len(text.split()) for _, text in prompt.before)
    completion_tokens = len(content.split())
    message = {"role": "assistant", "content": content, "refusal": None}
    body = {
        "id": f"chatcmpl-{call.ordinal:08d}",
        "object": "chat.completion",
        "created": EPOCH_S + call.ordinal,
        "model": call.body.get("model") or MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }
    headers = {"content-type": "application/json", "x-request-id": f"req_{call.ordinal:08d}"}
    return Reply(status=200, headers=headers, body=orjson.dumps(body))
