"""What Argo CD makes of our conditions, in the dialect of Lua that it speaks (5.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lupa.lua51 import LuaRuntime

import metacontroller

SCRIPT = (Path(metacontroller.__file__).parent / "argocd" / "health.lua").read_text()


def health(status: dict[str, Any] | None, generation: int = 2) -> tuple[str, str]:
    lua = LuaRuntime()
    found = {"metadata": {"generation": generation}, **({} if status is None else {"status": status})}
    lua.globals().obj = lua.table_from(found, recursive=True)
    told = lua.execute(SCRIPT)
    return told["status"], told["message"]


def said(generation: int = 2, **conditions: bool) -> dict[str, Any]:
    return {
        "observedGeneration": generation,
        "conditions": [
            {"type": type, "status": "True" if true else "False", "message": f"about {type}"}
            for type, true in conditions.items()
        ],
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (said(Ready=True, Stalled=False, Suspended=False), ("Healthy", "about Ready")),
        (said(Ready=False, Progressing=True, Stalled=False), ("Progressing", "about Ready")),
        (said(Ready=False, Degraded=True, Stalled=True), ("Degraded", "about Stalled")),
        (said(Ready=True, Degraded=True, Stalled=False), ("Healthy", "about Ready")),
        (said(Ready=False, Suspended=True), ("Suspended", "about Suspended")),
        (said(1, Ready=True), ("Progressing", "its newest spec has not been seen yet")),
        ({"conditions": said(Ready=True)["conditions"]}, ("Progressing", "its newest spec has not been seen yet")),
        ({"observedGeneration": 2}, ("Progressing", "no condition yet")),
        (None, ("Progressing", "its newest spec has not been seen yet")),
    ],
)
def test_health(status: dict[str, Any] | None, expected: tuple[str, str]) -> None:
    assert health(status) == expected
