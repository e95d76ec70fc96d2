"""A reader of the few expressions of CEL that x-kubernetes-validations of simple CRDs are made of.

Comparisons, &&, ||, !, in, has(), size(), all(), exists(), tests on strings, + and -, fields, lists and literals are
read. Anything else (conversions, the ternary operator) is not, and counts as kept: the API server has the last word.
"""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

_METHODS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
}


class _Unsupported(Exception):
    """The rule uses more of CEL than we read."""


def broken(rule: str, names: Mapping[str, Any]) -> str | None:
    """Return what is wrong when rule is evaluated with names (self, oldSelf); None if it holds or cannot be read."""
    try:
        # For this subset CEL differs from Python's expressions only in how it writes the logical operators.
        python = re.sub(r"!(?!=)", " not ", rule.replace("&&", " and ").replace("||", " or "))
        holds = _evaluate(ast.parse(python.strip(), mode="eval").body, names)
    except (SyntaxError, _Unsupported):
        return None
    except (KeyError, TypeError) as error:
        return f"no such key: {error} evaluating rule: {rule}"
    return None if holds else f"failed rule: {rule}"


def _evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id="true" | "false" | "null" as word):
            return {"true": True, "false": False, "null": None}[word]
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Attribute(value=inner, attr=attr):
            return _evaluate(inner, names)[attr]
        case ast.List(elts=items):
            return [_evaluate(item, names) for item in items]
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _evaluate(inner, names)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_evaluate(part, names) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_evaluate(part, names) for part in parts)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            a, b = _evaluate(left, names), _evaluate(right, names)
            return a + b if isinstance(op, ast.Add) else a - b
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compare(op, _evaluate(left, names), _evaluate(right, names))
        case ast.Call(func=ast.Name(id="has"), args=[ast.Attribute(value=inner, attr=attr)]):
            return _evaluate(inner, names).get(attr) is not None  # as in an API server: a null is not there
        case ast.Call(func=ast.Name(id="size"), args=[inner]):
            return len(_evaluate(inner, names))
        case ast.Call(func=ast.Attribute(value=inner, attr="all" | "exists" as macro), args=[ast.Name(id=name), body]):
            results = (bool(_evaluate(body, {**names, name: item})) for item in _evaluate(inner, names))
            return all(results) if macro == "all" else any(results)
        case ast.Call(func=ast.Attribute(value=inner, attr=method), args=[argument]) if method in _METHODS:
            return _METHODS[method](_evaluate(inner, names), _evaluate(argument, names))
    raise _Unsupported(ast.dump(node))


def _compare(op: ast.cmpop, a: Any, b: Any) -> bool:
    match op:
        case ast.Eq():
            return bool(a == b)
        case ast.NotEq():
            return bool(a != b)
        case ast.Lt():
            return bool(a < b)
        case ast.LtE():
            return bool(a <= b)
        case ast.Gt():
            return bool(a > b)
        case ast.GtE():
            return bool(a >= b)
        case ast.In():
            return a in b
    raise _Unsupported(ast.dump(op))
