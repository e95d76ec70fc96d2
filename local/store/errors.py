"""What the store answers when it refuses: Kubernetes' Status objects, worded as the API server words them."""

import re
from collections.abc import Sequence
from typing import Any

from .resources import Resource

_CAUSES = {
    "Required value": "FieldValueRequired",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Duplicate value": "FieldValueDuplicate",
    "Not found": "FieldValueNotFound",
    "Forbidden": "FieldValueForbidden",
    "Too many": "FieldValueTooMany",
    "Too long": "FieldValueTooLong",
}


class Refusal(Exception):
    """A request that is answered with a Status; code is the HTTP status."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> dict[str, Any]:
        """Return the Status object."""
        details = {"details": self.details} if self.details else {}
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        return head | {"reason": self.reason} | details | {"code": self.code}


def success(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """Return the Status that answers a deletion."""
    details = _details(resource, name) | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _details(resource: Resource, name: str) -> dict[str, Any]:
    group = {"group": resource.group} if resource.group else {}
    return {"name": name, **group, "kind": resource.plural}


def not_found(resource: Resource, name: str) -> Refusal:
    message = f'{resource.qualified} "{name}" not found'
    return Refusal(404, "NotFound", message, **_details(resource, name))


def no_such_path() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: Resource, name: str) -> Refusal:
    message = f'{resource.qualified} "{name}" already exists'
    return Refusal(409, "AlreadyExists", message, **_details(resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(resource: Resource, name: str, why: str = MODIFIED) -> Refusal:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refusal(409, "Conflict", message, **_details(resource, name))


def forbidden(resource: Resource, name: str, why: str) -> Refusal:
    message = f'{resource.qualified} "{name}" is forbidden: {why}'
    return Refusal(403, "Forbidden", message, **_details(resource, name))


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def unavailable(message: str) -> Refusal:
    return Refusal(503, "ServiceUnavailable", message)


def expired(asked: int, oldest: int) -> Refusal:
    return Refusal(410, "Expired", f"too old resource version: {asked} ({oldest})")


def invalid(resource: Resource | None, name: str, problems: Sequence[str]) -> Refusal:
    """Refuse an object for problems, each `<field path>: <sentence>`; resource None is a patch that made no object."""
    kind, group = (resource.kind, resource.group) if resource else ("", "")
    subject = f"{kind}.{group}" if group else kind
    listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    details = {"name": name} | ({"group": group} if group else {}) | {"kind": kind}
    causes = [_cause(problem) for problem in problems]
    return Refusal(422, "Invalid", f'{subject} "{name}" is invalid: {listed}', **details, causes=causes)


def _cause(problem: str) -> dict[str, str]:
    found = re.match(rf"(.*?): ({'|'.join(_CAUSES)})", problem)
    if not found:
        return {"reason": "FieldValueInvalid", "message": problem}
    sentence = problem[found.end(1) + 2 :]
    return {"reason": _CAUSES[found[2]], "message": sentence, "field": found[1]}
