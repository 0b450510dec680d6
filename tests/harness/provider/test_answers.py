"""The simulated model: it listens to the history, and fits any schema."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import orjson
import pytest
from pydantic import BaseModel, ConfigDict, Field

from harness.provider.answers import honest_reply
from harness.rig import Call, Reply

OFFERED = (("user", "What is new?"), ("assistant", "Plenty. Would you like an e-mail about it?"))
COMPLAINED = (("user", "This is broken and useless!"), ("assistant", "I am sorry about that."))
LABELS = [
    "email_request",
    "help_request",
    "greeting",
    "ocm_communication",
    "document_generation",
    "data_analysis",
    "content_creation",
    "process_optimization",
    "capabilities_inquiry",
    "unclear",
    "invalid",
]


def call(
    message: Any, *, before: tuple[tuple[str, str], ...] = (), system: str = "Answer in JSON.", **more: Any
) -> Call:
    spoken = (("system", system), *before, ("user", message))
    body = {
        "model": "some-model",
        "messages": [{"role": role, "content": text} for role, text in spoken],
        **more,
    }
    level = "structured" if "response_format" in more else "conversation"
    return Call(ordinal=3, level=level, request_id=None, headers={}, body=body)


def asking(schema: dict[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


def content(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    return orjson.loads(reply.body)["choices"][0]["message"]["content"]


def answered(*arguments: Any, **more: Any) -> Any:
    return orjson.loads(content(honest_reply(call(*arguments, **more))))


@pytest.mark.parametrize(
    ("before", "intent"), [(OFFERED, "request"), (COMPLAINED, "escalation"), ((), "general_conversation")]
)
def test_the_same_message_after_another_history_has_another_intent(before: Any, intent: str) -> None:
    """A level that forgets the history cannot tell these three apart."""
    assert answered("Yes, please.", before=before)["intent"] == intent


@pytest.mark.parametrize(
    ("message", "intent"),
    [
        ("Hi! How can you help me?", "question"),
        ("Can you write an e-mail?", "request"),
        ("This is wrong again", "complaint"),
        ("I want to speak to a manager about this broken thing", "escalation"),
        ("Great, thank you", "praise"),
        ("The sky over the harbour", "general_conversation"),
        ("", "general_conversation"),
    ],
)
def test_each_label_of_a_conversation_can_be_reached(message: str, intent: str) -> None:
    """Every rule of the table is the first that matches some message."""
    assert answered(message)["intent"] == intent


def test_a_conversation_that_is_over_is_complete() -> None:
    """Nothing can be completed before it has begun."""
    assert answered("That's all, bye", before=OFFERED)["intent"] == "completion"
    assert answered("That's all, bye")["intent"] == "general_conversation"


def test_a_reply_depends_on_the_message_and_on_how_much_was_said_before() -> None:
    """A service that answers with a constant, or with another turn's answer, does not get away with it."""
    replies = [
        answered("What is up?")["reply"],
        answered("What is down?")["reply"],
        answered("What is up?", before=OFFERED)["reply"],
        answered("What is up?", before=(*OFFERED, *OFFERED))["reply"],
    ]
    assert len(set(replies)) == 4
    assert "What is up?" in replies[0]


def test_a_long_message_keeps_both_ends_in_the_reply() -> None:
    """A canary at either end of a long message comes back with the reply, which stays short."""
    reply = answered("canary-1 " + "x" * 5000 + " canary-2")["reply"]
    assert "canary-1" in reply
    assert "canary-2" in reply
    assert len(reply) < 400


def test_without_a_wish_for_json_the_content_is_the_reply_alone() -> None:
    """A chat service that wants a text gets a text; json_object asks for JSON as the prompt does."""
    plain = content(honest_reply(call("Hello", system="Be nice.")))
    assert plain.startswith("(Turn 1)")
    wish = {"response_format": {"type": "json_object"}}
    object_asked = Call(
        ordinal=1,
        level="conversation",
        request_id=None,
        headers={},
        body={**call("Hello", system="").body, **wish},
    )
    assert orjson.loads(content(honest_reply(object_asked)))["confidence"] == 0.92


def test_the_same_call_has_the_same_bytes() -> None:
    """There is no clock and no chance in an honest answer."""
    assert honest_reply(call("Hello")) == honest_reply(call("Hello"))


def test_content_in_parts_is_read_as_its_text() -> None:
    """The content of a message may be a list of parts."""
    parts = [{"type": "text", "text": "This is"}, {"type": "image_url"}, {"type": "text", "text": "broken"}]
    assert answered(parts)["intent"] == "complaint"


def test_a_call_without_a_user_is_answered() -> None:
    """A system message alone is a valid request."""
    body = {"messages": [{"role": "system", "content": "Answer in JSON."}]}
    reply = honest_reply(Call(ordinal=1, level="conversation", request_id=None, headers={}, body=dict(body)))
    assert orjson.loads(content(reply))["intent"] == "general_conversation"


@pytest.mark.parametrize(
    ("message", "label"),
    [
        ("Can you write an e-mail?", "email_request"),
        ("Plan our organizational change", "ocm_communication"),
        ("Analyse these numbers", "data_analysis"),
        ("I need a proposal", "document_generation"),
        ("Streamline our onboarding", "process_optimization"),
        ("A blog entry about tea", "content_creation"),
        ("Hi! How can you help me?", "capabilities_inquiry"),
        ("I want assistance", "help_request"),
        ("Hello there", "greeting"),
        ("Purple seventeen", "unclear"),
        ("  ", "invalid"),
    ],
)
def test_each_label_of_the_schema_can_be_reached(message: str, label: str) -> None:
    """The structured level takes its label from the schema's own list, by the words of the message."""
    schema = {"type": "object", "properties": {"intent": {"enum": LABELS}, "confidence": {"type": "number"}}}
    assert answered(message, **asking(schema)) == {"intent": label, "confidence": 0.9}


def test_labels_that_nobody_knows_are_matched_by_their_own_words() -> None:
    """A foreign service's labels are chosen by the words in them, and the first stands in where nothing fits."""
    schema = {"properties": {"team": {"enum": ["billing_team", "shipping_team"]}}}
    assert answered("Where is my shipping notice", **asking(schema)) == {"team": "shipping_team"}
    assert answered("Hello", **asking(schema)) == {"team": "billing_team"}


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    child: "Node | None"


class Foreign(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["ticket"]
    colour: Colour
    score: Annotated[float, Field(ge=0, le=0.5)]
    count: Annotated[int, Field(ge=7)]
    short: Annotated[str, Field(max_length=5)]
    long: Annotated[str, Field(min_length=500)]
    flags: Annotated[list[bool], Field(min_length=2)]
    tree: Node
    either: int | str
    maybe: str | None
    nothing: None
    optional: int = 3


def test_any_schema_gets_an_instance_that_fits_it() -> None:
    """Pydantic accepts the answer to its own schema: references, enums, bounds, unions, and one that holds itself."""
    made = Foreign.model_validate(answered("I like blue", **asking(Foreign.model_json_schema())))
    assert made.colour is Colour.BLUE
    assert made.score == 0.5


@pytest.mark.parametrize(
    "schema", [{}, {"$ref": "#/$defs/None"}, {"type": ["string", "null"]}, {"anyOf": []}]
)
def test_a_schema_that_says_little_is_answered_all_the_same(schema: dict[str, Any]) -> None:
    """No schema makes the provider crash."""
    assert "Hello" in answered("Hello", **asking(schema))


def test_a_schema_that_never_ends_is_cut_off() -> None:
    """A schema that must contain itself has no instance; the provider still answers."""
    schema = {"type": "object", "properties": {"inner": {"$ref": "#"}}, "required": ["inner"]}
    assert "inner" in answered("Hello", **asking(schema))
