"""What may happen to a line before it is read: each damage takes it and gives what is left of it."""

import random
from collections.abc import Callable

from tests.fuzz.corpus import mixed

SPECIAL = [
    *(
        b"\x00",
        b"\x1b",
        b"\x1b[31m",
        b"\x1b]8;;",
        b"\r",
        b"\r\n",
        b"\n",
        b"\n\n",
        b"\n  ",
        b"\n| ",
        b"\t",
        b"\v",
        b"\f",
    ),
    *(
        b"\x1c",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xef\xbb\xbf",
        b"\xef\xbf\xbd",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf0\x9f",
    ),
    *(
        b'"',
        b"'",
        b"\\",
        b'\\"',
        b"\\u",
        b"\\ud800",
        b"{",
        b"}",
        b"{}",
        b"[",
        b"]",
        b"[" * 200,
        b"(",
        b")",
        b"<",
        b'": ',
    ),
    *(b"=", b"==", b":", b",", b"|", b"+", b" - ", b".", b"1e999", b"-0", b"9" * 40, b"NaN", b"null"),
    *(
        b" a=",
        b" a='",
        b' a="',
        b" a=[",
        b" a={'",
        b" event=",
        b" level=",
        b" logger=",
        b" request_id=",
        b" timestamp=",
    ),
    *(
        b"[info",
        b"[info] ",
        b"INFO:",
        b"INFO:a:",
        b" - INFO - ",
        b"ERROR ",
        b"2026-11-24 08:22:29,705 ",
        b"08:22:29 - ",
    ),
    b"Traceback (most recent call last):",
    b"  + Exception Group Traceback (most recent call last):",
    b"\nDuring handling of the above exception, another exception occurred:\n",
    b'  File "a.py", line 1, in f\n',
]


def damaged(choice: random.Random, line: bytes) -> bytes:
    """The line after some changes."""
    for _ in range(choice.choice((1, 1, 2, 5))):
        line = choice.choice(DAMAGES)(choice, line)
    return line


def _cut(choice: random.Random, line: bytes) -> bytes:
    return line[: choice.randint(0, len(line))]


def _without(choice: random.Random, line: bytes) -> bytes:
    begin = choice.randint(0, len(line))
    return line[:begin] + line[begin + choice.randint(0, 20) :]


def _doubled(choice: random.Random, line: bytes) -> bytes:
    begin = choice.randint(0, len(line))
    end = begin + choice.randint(0, 20)
    return line[:end] + line[begin:end] * choice.choice((1, 1, 3, 50)) + line[end:]


def _spliced(choice: random.Random, line: bytes) -> bytes:
    other = mixed(choice).encode()
    return line[: choice.randint(0, len(line))] + other[choice.randint(0, len(other)) :]


def _special(choice: random.Random, line: bytes) -> bytes:
    place = choice.choice((0, len(line), choice.randint(0, len(line))))
    return line[:place] + choice.choice(SPECIAL) + line[place:]


def _flipped(choice: random.Random, line: bytes) -> bytes:
    place = choice.randint(0, len(line))
    return line[:place] + bytes([choice.randrange(256)]) + line[place + 1 :]


def _random(choice: random.Random, line: bytes) -> bytes:
    return choice.randbytes(choice.randint(0, 60))


DAMAGES: list[Callable[[random.Random, bytes], bytes]] = [
    _cut, _without, _doubled, _spliced, _special, _special, _special, _flipped, _flipped, _random
]  # fmt: skip  # a table
