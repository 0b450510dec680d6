"""How much is read of what the provider sends."""

from collections.abc import AsyncGenerator

import httpx

BODY_BYTES_MAX = 1024 * 1024


async def limited(response: httpx.Response) -> bytes:
    """The body, as sent, since nothing but plain bytes was asked for; of one over the limit, one piece beyond it."""
    if response.is_stream_consumed:  # made whole, by an in-process transport
        return response.content
    assert isinstance(response.stream, httpx.AsyncByteStream)
    body = bytearray()
    pieces = aiter(response.stream)
    async for piece in pieces:
        body += piece
        if len(body) > BODY_BYTES_MAX:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
            break
    return bytes(body)
