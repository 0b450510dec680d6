"""From bytes to numbered lines of text, whatever their encoding and however long they are."""

import codecs
import io
import re
from collections.abc import Iterator

LINE_CHARS_MAX = 16 * 2**20
"""A longer line is cut; each piece has the line's number."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD_BYTES = 4
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
_REPLACED = "\ufffd"


def bom(head: bytes) -> tuple[bytes, str]:
    """The mark with which the bytes begin, and the encoding that it stands for; UTF-8 where there is none."""
    return next((row for row in _BOMS if head.startswith(row[0])), (b"", "utf-8"))


class Lines:
    """Cuts blocks of bytes into lines, at LF, CRLF and CR; a line that is not ended yet is held back.

    `count` lines have ended. Each of the `replaced` bytes (units, of UTF-16) that its encoding does not know became
    a replacement character. `cut` lines were too long, `first_cut` is the number of the first.
    """

    def __init__(self, number: int = 0) -> None:
        self.count = number
        self.replaced = 0
        self.cut = 0
        self.first_cut = 0
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self.encoding = "utf-8"
        self._ends = io.IncrementalNewlineDecoder(None, translate=True)
        self._begun: list[str] = []
        self._begun_chars = 0
        self._in_cut = False

    def feed(self, block: bytes, *, final: bool = False) -> Iterator[tuple[int, str]]:
        """The lines that end in this block, each with its number; where it is the final one, what was begun too."""
        text = self._ends.decode(self._decoded(block, final=final), final=final)
        *whole, rest = text.split("\n")
        for piece in whole:
            yield from self._ended(piece)
        if rest:
            yield from self._begin(rest)
        if final and (self._begun or self._in_cut):
            yield from self._ended("")

    def _ended(self, piece: str) -> Iterator[tuple[int, str]]:
        """The line that ends with this piece."""
        if self._begun:
            yield from self._begin(piece)
            piece = "".join(self._begun)
            self._begun, self._begun_chars = [], 0
        if piece or not self._in_cut:
            yield self.count + 1, piece
        self._in_cut = False
        self.count += 1

    def _begin(self, piece: str) -> Iterator[tuple[int, str]]:
        """Hold the piece back; where the line grows too long by it, give what was held."""
        if self._begun_chars + len(piece) > LINE_CHARS_MAX:
            yield self.count + 1, "".join(self._begun)
            self._begun, self._begun_chars = [], 0
            self.cut += not self._in_cut
            self.first_cut = self.first_cut or self.count + 1
            self._in_cut = True
        self._begun.append(piece)
        self._begun_chars += len(piece)

    def _decoded(self, block: bytes, *, final: bool) -> str:
        """The text of the block, without the bytes at its end that are no whole character yet."""
        if self._decoder is None:
            self._head += block
            if len(self._head) < _HEAD_BYTES and not final:
                return ""
            mark, self.encoding = bom(self._head)
            self._decoder = codecs.getincrementaldecoder(self.encoding)()
            block = self._head.removeprefix(mark)
        try:
            return self._decoder.decode(block, final)
        except UnicodeDecodeError:
            return self._replacing(self._decoder, block, final=final)

    def _replacing(self, decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> str:
        """The text of a block that is not all of its encoding; the decoder took nothing of it yet."""
        utf_8 = self.encoding == "utf-8"
        decoder.errors = "surrogateescape" if utf_8 else "replace"
        text = decoder.decode(block, final)
        decoder.errors = "strict"
        if not utf_8:
            self.replaced += text.count(_REPLACED)
            return text
        text, count = _NOT_UTF_8.subn(_REPLACED, text)
        self.replaced += count
        return text
