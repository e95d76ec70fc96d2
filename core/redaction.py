"""Takes what looks like a secret out of a text for people: Flink's exceptions quote URLs, options and arguments.

Only ever for texts. A path that a job comes back from is used as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

HIDDEN = "***"
SHORTEST = 6  # characters: a shorter value would be hidden in every other word

_WORDS = (
    r"pass(?:word|wd|phrase)|secret|token|credential|signature|jaas\.config|http-headers|(?:basic|proxy)-auth|auth-params"
    r"|(?:api|access|account|private|secret|service|shared|encryption)[-_. ]?key"
)
_KEY = re.compile(_WORDS, re.IGNORECASE)
# Options which are about a secret and hold none.
_NO_SECRET = re.compile(
    r"(?:provider|enabled|class|type|path|file|location|interval|timeout|retries)s?$", re.IGNORECASE
)
_NO_VALUE = re.compile(r"true|false|[\d.]+|(?:[a-z]\w*\.)+[A-Z]\w*", re.ASCII)  # the last is a class

_VALUE = r""""(?:[^"\\]|\\.)*(?:"|$)|'[^']*(?:'|$)|[^\s"',;&)\]}]+"""
_HEADER = re.compile(
    rf"\b(authorization\s*[=:]\s*)(?:(?:bearer|basic|digest|negotiate)\s+)?(?:{_VALUE})", re.IGNORECASE
)
_BEARER = re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
_IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s/]+@")
# A key ends with its word, or goes on with a dot or dash or as an id: no class is one, such as TokenExpiredException.
_NAMED = re.compile(
    rf"""((?:{_WORDS})s?(?:[-_.]?(?:id|key|value))?(?:[.-][\w.-]*\w)?["']?(?:\s*(?:=>|=|:)\s*))(?:{_VALUE})""",
    re.IGNORECASE,
)
_ARGUMENT = re.compile(rf"(--?[\w.-]*(?:{_WORDS})s?\s+)(?!--?\w)(?:{_VALUE})", re.IGNORECASE)


@lru_cache(maxsize=512)  # a status says the same for most of its life
def redacted(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """The text without `secrets`, and without what its own words call one. Twice is the same as once."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = _without(text, secret)
    text = _HEADER.sub(rf"\1{HIDDEN}", text)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    text = _IN_URL.sub(rf"\1{HIDDEN}@", text)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    return _ARGUMENT.sub(rf"\1{HIDDEN}", text)


def _without(text: str, secret: str) -> str:
    """A text that was cut may end with the beginning of it."""
    text = text.replace(secret, HIDDEN)
    cut = next((size for size in range(len(secret) - 1, SHORTEST - 1, -1) if text.endswith(secret[:size])), 0)
    return text[:-cut] + HIDDEN if cut else text


def secrets_of(*configurations: Mapping[str, str]) -> frozenset[str]:
    """The values of options whose names say that they are secret."""
    pairs = (pair for configuration in configurations for pair in configuration.items())
    return frozenset(value for key, value in pairs if _is_secret(key) and _says_something(value))


def _is_secret(key: str) -> bool:
    return bool(_KEY.search(key)) and not _NO_SECRET.search(key)


def _says_something(value: str) -> bool:
    return len(value) >= SHORTEST and not _NO_VALUE.fullmatch(value)
