"""The chain (signatures; bodies follow)."""

from reference_app.breaker import CircuitBreaker
from reference_app.bridge import Bridge
from reference_app.contract import Classification, ConversationState
from reference_app.observability import Logger, Metrics
from reference_app.provider import ProviderClient
from reference_app.settings import Settings


class IntentClassifier:
    """Classifies a message by three levels."""

    def __init__(
        self,
        *,
        settings: Settings,
        client: ProviderClient | None,
        breaker: CircuitBreaker,
        bridge: Bridge,
        log: Logger,
        metrics: Metrics,
    ) -> None:
        self._settings = settings

    async def classify(self, message: str, state: ConversationState | None) -> Classification:
        """Classify."""
        raise NotImplementedError

    def classify_intent_with_state(self, message: str, state: ConversationState | None) -> Classification:
        """Classify, from sync code."""
        raise NotImplementedError
