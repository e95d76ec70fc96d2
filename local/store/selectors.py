"""Label and field selectors, from a query's text or an object's selector to a predicate."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .errors import bad_request
from .resources import Object

Predicate = Callable[[Object], bool]
_KEY = r"[\w./-]+"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<absent>!\s*{_KEY})|(?P<key>{_KEY})\s*(?:(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)
_FIELDS = re.compile(r"([\w.]+)(==|=|!=)([^,]*)(?:,|$)")


def labels(text: str) -> Predicate:
    """Return the predicate of a labelSelector: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. 400 if it cannot be read."""
    tests: list[Callable[[Mapping[str, str]], bool]] = []
    position = 0
    while position < len(text):
        found = _REQUIREMENT.match(text, position)
        if not found:
            raise bad_request(f"unable to parse requirement: found '{text[position:]}'")
        tests.append(_label_test(found))
        position = found.end()
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def _label_test(found: re.Match[str]) -> Callable[[Mapping[str, str]], bool]:
    key, op = found["key"], found["op"] or found["set"]
    if found["absent"]:
        absent = found["absent"][1:].strip()
        return lambda labels: absent not in labels
    if op is None:
        return lambda labels: key in labels
    values = {found["value"]} if found["op"] else {v.strip() for v in found["values"].split(",")}
    if op in ("!=", "notin"):
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values


def fields(text: str) -> Predicate:
    """Return the predicate of a fieldSelector: `metadata.name=a,status.phase!=Running`."""
    tests = _FIELDS.findall(text)
    if not tests and text:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    return lambda obj: all((str(at(obj, path) or "") == value) == (op != "!=") for path, op, value in tests)


def at(obj: Any, path: str) -> Any:
    """Return what is at a dotted path (a leading dot is allowed), None if nothing is."""
    for step in path.strip(".").split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def matches(wanted: Mapping[str, str], obj: Object) -> bool:
    """Whether obj carries all labels of a plain selector; an empty selector selects nothing."""
    carried = obj["metadata"].get("labels") or {}
    return bool(wanted) and all(carried.get(key) == value for key, value in wanted.items())


def as_text(selector: Any) -> str:
    """Return a LabelSelector (or plain labels, or a text) in the query's form."""
    if not isinstance(selector, Mapping):
        return selector or ""
    plain = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
    parts = [f"{key}={value}" for key, value in sorted(plain.items())]
    for rule in selector.get("matchExpressions", []):
        key, op, values = rule["key"], rule["operator"], ",".join(rule.get("values", []))
        forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(forms.get(op, f"!{key}"))
    return ",".join(parts)
