"""The kinds of endpoint that are played."""

KINDS = (
    "async",
    "def",
    "def_sleep",
    "to_thread",
    "anyio_to_thread",
    "from_thread",
    "bridge",
    "database",
    "contextvars",
)
