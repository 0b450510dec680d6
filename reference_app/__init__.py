"""The reference system: an async LLM service that answers truthfully, keeps what it acknowledged, and stays fast.

Start it with `uvicorn reference_app.app:app`. The package knows nothing of the harness that drives it.
"""
