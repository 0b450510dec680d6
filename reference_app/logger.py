"""What the parts of the service need of a logger."""

from typing import Any, Protocol


class Logger(Protocol):
    """What a part needs of a logger; `flags` is a tuple of bare words that the console prints after the event."""

    def info(self, event: str, **fields: Any) -> Any:
        """Write what happened."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Write what ought not to go on like this."""

    def error(self, event: str, **fields: Any) -> Any:
        """Write what failed."""

    def exception(self, event: str, **fields: Any) -> Any:
        """Write what failed, with the traceback of the error in hand."""
