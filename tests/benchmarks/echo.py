"""FastAPI's bare pydantic echo: the unit in which a full turn is measured."""

from fastapi import FastAPI
from pydantic import BaseModel


class Echo(BaseModel):
    """What comes is what goes."""

    message: str
    session_id: str | None = None


app = FastAPI()


@app.post("/echo")
async def echo(body: Echo) -> Echo:
    """Answer with what was sent."""
    return body
