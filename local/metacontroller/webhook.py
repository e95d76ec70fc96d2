"""One hook over HTTP: POST the request, judge status and body as Metacontroller does, hand back a checked answer.

The protocol is Metacontroller 4.17.2's. ETags, TLS settings and credentials of a webhook are refused, not ignored.
"""

from __future__ import annotations

import datetime
import email.utils
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from local.metacontroller.errors import HookError, TooManyRequests, Unsupported

DEFAULT_TIMEOUT = 10.0
_REFUSED = ("caBundle", "authorization", "basicAuth", "clientTLS")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_RULE_FIELDS = frozenset({"apiVersion", "resource", "labelSelector", "namespaceSelector", "namespace", "names"})

# Base URL of a service: (name, namespace) -> "http://127.0.0.1:8080".
BaseUrl = Callable[[str, str], str]
Check = Callable[[Any], str | None]


class Webhook:
    """A hook of a controller. Thread-safe."""

    def __init__(self, hook: Mapping[str, Any], answer: Mapping[str, Check], base_url: BaseUrl) -> None:
        """Takes `spec.hooks.<name>`; `answer` are the fields of the answer. Unsupported for what is not imitated."""
        webhook = hook.get("webhook") or {}
        refused = [field for field in _REFUSED if webhook.get(field)]
        if refused or (webhook.get("etag") or {}).get("enabled"):
            raise Unsupported(f"webhook settings that the local loop does not have: {', '.join(refused or ['etag'])}")
        self.version: str = hook.get("version") or "v1"
        self.url = _url(webhook, base_url)
        self.timeout = _seconds(webhook.get("timeout"))
        mode = webhook.get("responseUnMarshallMode") or ("strict" if self.version == "v2" else "loose")
        self._strict = mode == "strict"
        self._answer = answer
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=16))

    def call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer's fields that are not null. HookError for everything unusable, TooManyRequests for 429."""
        body = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        deadline = time.monotonic() + self.timeout
        try:
            with self._session.post(
                self.url,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=self.timeout,
                stream=True,
            ) as response:
                if response.status_code == 429:
                    raise TooManyRequests(retry_after(response.headers.get("Retry-After"), _now()))
                content = self._read(response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise HookError(f"http error: {error}") from error
        if response.status_code != 200:
            raise HookError(f"unsupported status code: {response.status_code} body: {content.decode(errors='replace')}")
        return decode(content, self._answer, strict=self._strict)

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """The body; the time-out is for the whole exchange, so a body that trickles in does not extend it."""
        chunks: list[bytes] = []
        while chunk := response.raw.read1(65536, decode_content=True):
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise HookError(f"http error: {self.url}: no complete answer in {self.timeout:g} s")
        return b"".join(chunks)

    def close(self) -> None:
        self._session.close()


def decode(content: bytes, answer: Mapping[str, Check], *, strict: bool) -> dict[str, Any]:
    """A body of status 200, checked. `null` and `{}` are good answers: they want no children at all.

    Strict refuses unknown and duplicate fields, at the top only. HookError says what is wrong.
    """
    doubled: list[str] = []

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Inner objects come first, so that at the end these are the outermost one's.
        names = Counter(name for name, _ in pairs)
        doubled[:] = sorted(name for name, count in names.items() if count > 1)
        return dict(pairs)

    try:
        body = json.loads(content, object_pairs_hook=read_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise HookError(f"can't unmarshal the answer: {error}") from error
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise HookError(f"can't unmarshal the answer: an object is needed, not {type(body).__name__}")
    odd = [f"unknown field {field!r}" for field in body if field not in answer]
    odd += [f"duplicate field {field!r}" for field in doubled]
    if strict and odd:
        raise HookError(f"strict validation failed: {', '.join(odd)}")
    known = {field: value for field, value in body.items() if field in answer and value is not None}
    for field, value in known.items():
        trouble = answer[field](value)
        if trouble:
            raise HookError(f"can't unmarshal the answer: {field}: {trouble}")
    return known


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _is_object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "an object is needed"


def _is_number(value: Any) -> str | None:
    return None if isinstance(value, int | float) and not isinstance(value, bool) else "a number is needed"


def _is_bool(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false is needed"


def _are_children(value: Any) -> str | None:
    if not isinstance(value, list):
        return "a list is needed"
    for index, child in enumerate(value):
        if child is None:
            return f"[{index}] is null, which would crash Metacontroller with all its controllers"
        if not isinstance(child, dict) or not isinstance(child.get("metadata") or {}, dict):
            return f"[{index}] is not an API object"
        if not isinstance(child.get("kind"), str) or not child["kind"]:
            return f"[{index}] has no kind"
    return None


def _are_changes(value: Any) -> str | None:
    ok = isinstance(value, dict) and all(item is None or isinstance(item, str) for item in value.values())
    return None if ok else "a map of strings or nulls is needed"


def _are_rules(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(rule, dict) for rule in value):
        return "a list of rules is needed"
    unknown = sorted({field for rule in value for field in rule} - _RULE_FIELDS)
    return f"unknown field of a rule: {unknown[0]!r}" if unknown else None


_COMMON: dict[str, Check] = {"status": _is_object, "resyncAfterSeconds": _is_number, "finalized": _is_bool}
COMPOSITE: dict[str, Check] = {**_COMMON, "children": _are_children}
DECORATOR: dict[str, Check] = {
    **_COMMON,
    "attachments": _are_children,
    "labels": _are_changes,
    "annotations": _are_changes,
}
CUSTOMIZE: dict[str, Check] = {"relatedResources": _are_rules}


def retry_after(header: str | None, now: datetime.datetime) -> int:
    """Seconds to wait from a Retry-After header (seconds or a date); 0, so at once, if it says nothing usable."""
    try:
        return int(header or "")
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(header or "")
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return math.ceil((moment - now).total_seconds())


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _url(webhook: Mapping[str, Any], base_url: BaseUrl) -> str:
    if webhook.get("url"):
        return str(webhook["url"])
    service, path = webhook.get("service") or {}, webhook.get("path")
    if not service.get("name") or not service.get("namespace") or not path:
        raise Unsupported("a webhook needs a url, or a service with name and namespace and a path")
    return base_url(service["name"], service["namespace"]).rstrip("/") + str(path)


def _seconds(text: str | None) -> float:
    """A duration as Go writes it ("1m30s"), in seconds; 10 s where there is none or none above zero."""
    parts = re.findall(r"([0-9.]+)(ns|us|µs|ms|s|m|h)", text or "")
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return total if total > 0 and not (text or "").startswith("-") else DEFAULT_TIMEOUT
