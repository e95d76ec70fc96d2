"""Takes what looks like a secret out of a text for people: Flink's exceptions quote URLs, options and arguments.

Only ever for texts. A path that a job comes back from is used as it is.

Each pattern reads a text once: it begins only where a name or a URL does (`_KEY` at the first character of a name), and
gives back nothing that it has read (`++`). So a line of any length costs what its length does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise

HIDDEN = "***"
SHORTEST = 6  # characters: a shorter value would be hidden in every other word
LONGEST = 20_000  # characters: of a longer text nobody reads the rest
PASSES = 6  # what is hidden may bring another secret to light; a text that still changes then is hidden as a whole

_WORDS = (
    r"pass(?:word|wd|phrase|code)|pwd|(?:(?<![a-z])(?:pass|sig)|(?-i:Pass))(?![a-z])|secret|token|credential|signature"
    r"|authorization(?![.-])|jaas\.config|http-headers|(?:basic|proxy)-auth|auth-params"
    r"|(?:api|access|account|private|secret|service|shared|encryption)[-_.]?key"
)
_WORD = re.compile(_WORDS, re.IGNORECASE)
# Options which are about a secret and hold none.
_ABOUT = r"(?:provider|enabled|class|type|path|file|location|interval|timeout|retries)s?(?![\w.-])"
_NO_SECRET = re.compile(_ABOUT, re.IGNORECASE)
_NO_VALUE = re.compile(r"true|false|[\d.]+|(?:[a-z]\w*\.)+[A-Z]\w*", re.ASCII)  # the last is a class

# A part of the name ends with such a word, or with it and an id: no class does, such as TokenExpiredException.
_KEY = (
    rf"(?<![\w.-])(?![\w.-]*?{_ABOUT})"
    rf"(?=[\w.-]*?(?:{_WORDS})s?(?:[-_.]?(?:id|key|value|\d+))?(?!\w))[\w.-]++"
)
_KEY_OF_WORDS = r"\b(?:api|access|account|private|secret|service|shared|encryption) keys?"
_QUOTE = r"""(?:\\*+["'])?+"""
_VALUE = (
    r"(?:(?:bearer|basic|digest|negotiate)\s++(?=[^\s,;&)\]}]))?+"
    r"""(?:\\++"[^"]*+"?|"(?:[^"\\]|\\.)*+["\\]?|'[^']*+'?|\[[^\]\n]*+\]?|[^\s"',;&)\]}])[^\s"',;&)\]}]*+"""
)
_IN_URL = r"""(?:(?!://)[^\s"'<>])"""
_PORT = r"""\d{1,5}+[.:]?(?:[/?#,;)\]}"'>\s]|\Z)"""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


_PATTERNS = (
    _pattern(r"\b(bearer\s++)[\w.~+/=-]{8,}+"),
    # A password may hold slashes and @; the end of a text that was cut may be the middle of one.
    _pattern(rf"""(://[^\s/:@\["'<>]*+:)(?!{_PORT})(?:{_IN_URL}+(?=@)|{_IN_URL}++\Z)"""),
    _pattern(rf"((?:{_KEY}|{_KEY_OF_WORDS}){_QUOTE}\s*+(?:=>|[=:]|%3D)\s*+){_VALUE}"),
    # --password x, or in a list of arguments: ["--password", "x"], [--password, x]
    _pattern(rf"((?=-){_KEY}{_QUOTE}(?:\s*+,\s*+|\s++))(?!{_QUOTE}--?\w){_VALUE}"),
)


@lru_cache(maxsize=512)  # a status says the same for most of its life
def redacted(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """The text without `secrets`, and without what its own words call one. Twice is the same as once."""
    known = sorted(secrets, key=len, reverse=True)
    for _ in range(PASSES):
        shown = _once(text, known)
        if shown == text:
            return shown
        text = shown
    return HIDDEN


def _once(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = _without(text, secret)
    text = text[:LONGEST]
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def _without(text: str, secret: str) -> str:
    """A text that was cut may end with the beginning of it."""
    text = text.replace(secret, HIDDEN)
    cut = next((size for size in range(len(secret) - 1, SHORTEST - 1, -1) if text.endswith(secret[:size])), 0)
    return text[:-cut] + HIDDEN if cut else text


def secrets_of(configuration: Mapping[str, str], arguments: Sequence[str] = ()) -> frozenset[str]:
    """The values of options and arguments whose names say that they are secret."""
    pairs = chain(configuration.items(), _options(arguments))
    return frozenset(value for key, value in pairs if _is_secret(key) and _says_something(value))


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """--key=value and --key value."""
    for argument, following in pairwise([*arguments, ""]):
        key, has_value, value = argument.partition("=")
        if key.startswith("-") and (has_value or not following.startswith("--")):
            yield key, value if has_value else following


def _is_secret(key: str) -> bool:
    return bool(_WORD.search(key)) and not _NO_SECRET.search(key)


def _says_something(value: str) -> bool:
    return len(value) >= SHORTEST and not _NO_VALUE.fullmatch(value)
