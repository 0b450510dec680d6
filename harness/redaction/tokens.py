"""How secrets look that no name announces. One expression, which reads a text once: no line takes it long.

Every part is possessive, or bounded, or ends where the next one could begin.
"""

import base64
import binascii
import re

from harness.redaction.rules import MESSAGE

MARK = re.compile(r"\[redacted:(?P<kind>[a-z]{1,20})-(?P<number>[0-9]{1,9})\]")
"""What stands for a secret: its kind, and a number that is the same wherever the same secret stood."""

PLACE = re.compile(r"\A(?:\w{1,16} log )?line [0-9]{1,12}: ")
"""What stands before a line that is told as evidence."""
_JSON = re.compile(rf"(?:{PLACE.pattern})?+\{{\s?\"")

_ANY_MARK = MARK.pattern.replace("?P<kind>", "?:").replace("?P<number>", "?:")

TOKENS = re.compile(
    rf"(?P<mark>{_ANY_MARK})"
    r"|(?P<pem>-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY-----[^-]*+(?:-----END [A-Z0-9 ]{1,64}-----)?)"
    # All between :// and the last @ before the path: who asks, and the password.
    r"|(?<=://)(?P<url>[^\s/?#\"'<>]+)(?=@)"
    r"|(?P<email>(?<![\w.+%-])[\w.+%-]++@[\w-]++(?:\.[\w-]++)++)"
    r"|(?P<jwt>(?<![A-Za-z0-9])eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4}+)"
    r"|(?P<key>(?<![A-Za-z0-9])(?:sk-|rk_|pk_live_|sk_live_|sk_test_|gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|hf_"
    r"|npm_|pypi-|AIza|AKIA|ASIA|SG\.)[\w-]{8,}+)"
    r"|(?i:\b(?P<scheme>bearer|basic))[ \t]{1,8}(?P<bearer>[\w.~+/=%-]{4,}+)"
    r"|(?P<card>(?<![\w.])(?:[2-6][0-9]{12,18}+|[2-6][0-9]{3}(?:[ -][0-9]{4}){2}[ -][0-9]{1,4}+"
    r"|3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5})(?!\w|\.[0-9]))"
)

_PROSE = {
    *("auth", "authentication", "authorization", "credentials", "error", "errors", "expired", "failed"),
    *("header", "invalid", "missing", "realm", "required", "scheme", "token", "tokens"),
}
"""Words that follow the name of a scheme where a sentence speaks of it."""


def secret_in(found: re.Match[str]) -> tuple[str, str]:
    """The kind and the text of the secret that a match holds; an empty text where it holds none."""
    kind = str(found.lastgroup)
    text = found[kind]
    if kind == "mark" or MARK.fullmatch(text):
        return kind, ""
    if kind == "card":
        return kind, text if passes_luhn(text) else ""
    if kind == "bearer":
        is_secret = _is_pair(text) if found["scheme"].lower() == "basic" else text.lower() not in _PROSE
        return "token", text if is_secret else ""
    return _KINDS.get(kind, kind), text


_KINDS = {"pem": "key", "jwt": "token"}


def passes_luhn(text: str) -> bool:
    """Whether the digits of a text end in the check digit of a card number (ISO/IEC 7812-1, annex B)."""
    digits = [int(letter) for letter in reversed(text) if letter.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_pair(text: str) -> bool:
    """Whether a text is the Base64 of a name and a password (RFC 7617)."""
    try:
        return b":" in base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False


_BARE = re.compile(rf"(?:{_ANY_MARK}|&(?![\w.%-]++=)|\\++(?![\"'])|[^\s,;&\"'<>)}}\]\\])++")
_MORE = re.compile(r"(?:,[^\s,;&\"'<>(){}\[\]\\=:]++(?![=:]))*+")
_SCHEME = re.compile(r"(?i:bearer|basic|token|apikey)[ \t]{1,8}")
_LINE = re.compile(r"[^\r\n\"'<>]*+")
_UP_TO_THE_NEXT = re.compile(r"(?:(?!\s[\w.-]++=)[^\r\n])*+")
# Nobody says where a sentence within a string of JSON ends, but the string does.
_UP_TO_THE_QUOTE = re.compile(
    r"(?:(?!\s[\w.-]++=|\"(?:, ?\"[\w.-]++\" ?:|[}\] \t]*+(?:[\r\n]|\Z)))[^\r\n])*+"
)
_QUOTE = re.compile(r"(?<!\\)(?P<escapes>\\*+)(?P<quote>[\"'])")
# A string that nothing closes is a piece, too: looked for again from within, it would take its square.
_PIECE = re.compile(r"\"(?:[^\"\\]|\\.)*+[\"\\]?|'(?:[^'\\]|\\.)*+['\\]?|[\[({\])}]", re.DOTALL)
_DEPTH = {"[": 1, "(": 1, "{": 1, "]": -1, ")": -1, "}": -1}


def end_of_quoted(text: str, at: int, opening: str) -> int:
    """Where a value ends whose quote, with the backslashes before it, is `opening`; the end where nothing closes it."""
    for found in _QUOTE.finditer(text, at):
        if found["quote"] == opening[-1] and len(found["escapes"]) < len(opening):
            return found.start()
    return len(text)


def end_of_bracketed(text: str, at: int) -> int:
    """Where a value ends that a bracket begins; the end of the text where nothing closes it."""
    depth = 0
    for found in _PIECE.finditer(text, at):
        depth += _DEPTH.get(found[0], 0)
        if depth <= 0:
            return found.end()
    return len(text)


def end_of_bare(text: str, at: int, kind: str, before: int | None = None) -> int:
    """Where a value ends that stands without quotes: a cookie and a sentence may hold blanks, other secrets do not.

    No character from `before` on is looked at. In a line of JSON a sentence ends with the string that it stands in.
    """
    sentence = _UP_TO_THE_QUOTE if kind == MESSAGE and _JSON.match(text) else _UP_TO_THE_NEXT
    form = {"cookie": _LINE, MESSAGE: sentence}.get(kind, _BARE)
    found = form.match(text, at, len(text) if before is None else before)
    return at if found is None else found.end()


def end_of_more(text: str, at: int) -> int:
    """Where the last of several values ends that stand behind a first one, with a comma before each."""
    found = _MORE.match(text, at)
    return at if found is None else found.end()


def begin_of_credentials(text: str, at: int) -> int:
    """Where the credentials begin in the value of an Authorization header: behind the name of their scheme."""
    found = _SCHEME.match(text, at)
    return at if found is None else found.end()
