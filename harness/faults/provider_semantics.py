"""The provider says nothing in a sound answer, or too much in an error."""

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.faults.base import ProviderFault, bent, closed, error, with_choice
from harness.faults.holds import called_once, never_taken, no_empty_answer, secret_kept
from harness.registry import Invariant, fault
from harness.rig import Answer, Call, Reply, Rule
from harness.variants import chosen

UNAUTHORIZED = 401


@fault("provider.empty_answer")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEmptyAnswer(ProviderFault):
    """A 200 that ended as it should, with nothing in it: `content` is an empty text, or None (opencode#37735)."""

    holds: ClassVar[tuple[Invariant, ...]] = (never_taken("provider.empty_answer"), no_empty_answer)

    content: str | None = chosen("", None)

    def __post_init__(self) -> None:
        closed(self, "content")

    def _rule(self) -> Rule:
        return bent(lambda reply: with_choice(reply, content=self.content))


@fault("provider.secret_echo", needs=("provider", "provider_key"))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSecretEcho(ProviderFault):
    """401 with an error that repeats the key that the call carried in `Authorization`; a call without one is answered.

    `where` says in what: `body` (the message), `url` (an address with the key as a parameter, in the message), or
    `header` (one of the answer's own). See litellm#8075.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (
        secret_kept,
        never_taken("provider.secret_echo"),
        called_once("provider.secret_echo"),
    )

    where: str = chosen("body", "url", "header")

    def __post_init__(self) -> None:
        closed(self, "where")

    def _rule(self) -> Rule:
        async def echoed(call: Call, answer: Answer) -> Reply:
            key = call.headers.get("authorization", "").rpartition(" ")[2]
            return self._echo(key) if key else await answer(call)

        return echoed

    def _echo(self, key: str) -> Reply:
        """The error."""
        messages = {
            "body": f"Incorrect API key provided: {key}.",
            "url": f"POST https://api.openai.com/v1/chat/completions?key={key} was not authorized.",
        }
        message = messages.get(self.where, "Incorrect API key provided.")
        reply = error(UNAUTHORIZED, message, kind="invalid_request_error", code="invalid_api_key")
        if self.where == "header":
            return replace(reply, headers={**reply.headers, "x-rejected-authorization": f"Bearer {key}"})
        return reply
