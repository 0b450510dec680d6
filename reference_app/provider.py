"""The client of the LLM provider (signatures; bodies follow)."""

import httpx

from reference_app.settings import Settings


class ProviderClient:
    """Speaks to one OpenAI-compatible provider."""

    def __init__(self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings

    async def aclose(self) -> None:
        """Close the connections of every loop that used the client."""
