"""TaskManagers as Flink lists them: a table, and the one that is meant."""

from __future__ import annotations

from cli import flink, output
from cli.errors import Failed
from cli.options import Shape
from cli.session import Session


def show(session: Session, cluster: str, shape: Shape) -> None:
    found = flink.taskmanagers(session, cluster)
    if shape.format in ("json", "yaml"):
        output.data(output.document(found, shape.format))
    elif shape.format == "name":
        for one in found:
            output.data(str(one["id"]))
    elif found:
        wide = shape.format == "wide"
        head = ("ID", "SLOTS", "FREE", *(("CPUS", "MEMORY", "PATH") if wide else ()))
        rows = [_row(one, wide=wide) for one in found]
        output.data(output.table(rows if shape.no_headers else [head, *rows]))
    else:
        output.note(f"{cluster} has no TaskManager that has registered.")


def _row(one: flink.Object, *, wide: bool) -> tuple[str, ...]:
    hardware = one.get("hardware") or {}
    more = (hardware.get("cpuCores", ""), f"{hardware.get('physicalMemory', 0) >> 20}Mi", one.get("path", ""))
    return tuple(map(str, (one["id"], one["slotsNumber"], one["freeSlots"], *(more if wide else ()))))


def chosen(session: Session, cluster: str, id: str) -> str:
    """That id, or the id of the only one."""
    if id:
        return id
    ids = [str(one["id"]) for one in flink.taskmanagers(session, cluster)]
    if len(ids) == 1:
        return ids[0]
    raise Failed(
        f"{cluster} has {len(ids)} TaskManagers; give one as ID or --taskmanager-id: {', '.join(ids) or 'none'}"
    )
