"""Resource quantities in the canonical form in which an API server gives them back."""

import re
from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(m|u|n|k|M|G|T|P|E|[KMGTPE]i|[eE][+-]?\d+)?")
_BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def amount(value: Any) -> Decimal:
    """The number that a quantity stands for. ValueError if it is none."""
    number, suffix = _parts(value)
    if suffix in _BINARY:
        return number * Decimal(1024) ** _BINARY.index(suffix)
    return number.scaleb(int(suffix[1:]) if suffix[1:] else _DECIMAL[suffix])


def canonical(value: Any) -> str:
    """Return the canonical text of a quantity: `1000m` is `1`, `1024Mi` is `1Gi`. ValueError if it is none.

    Binary, decimal and exponent notation are each kept; the number is whole and the suffix as large as possible.
    """
    _, suffix = _parts(value)
    if suffix in _BINARY and suffix:
        whole = amount(value)
        # Fractions of a byte and amounts below 1 Ki leave the binary notation.
        return _binary(int(whole)) if whole == int(whole) and abs(whole) >= 1024 else _decimal(whole)
    return _exponent(amount(value)) if suffix[1:] else _decimal(amount(value))


def _parts(value: Any) -> tuple[Decimal, str]:
    found = _QUANTITY.fullmatch(str(value).strip())
    if not found:
        raise ValueError(f"{value!r} is not a quantity")
    return Decimal(found[1]), found[2] or ""


def resources(value: Mapping[str, Any]) -> dict[str, Any]:
    """A container's resources in canonical quantities; what is none is left to the API server to refuse."""
    return {key: _amounts(part) if key in ("limits", "requests") else part for key, part in value.items()}


def _amounts(value: Any) -> Any:
    return {name: _spelled(amount) for name, amount in value.items()} if isinstance(value, Mapping) else value


def _spelled(amount: Any) -> Any:
    try:
        return canonical(amount)
    except ValueError:
        return amount


def _binary(whole: int) -> str:
    power = 0
    while whole and whole % 1024 == 0 and power < len(_BINARY) - 1:
        whole, power = whole // 1024, power + 1
    return f"{whole}{_BINARY[power]}"


def _decimal(whole: Decimal) -> str:
    whole = whole.quantize(Decimal("1e-9"), rounding=ROUND_UP) if whole % Decimal("1e-9") else whole
    for suffix, power in sorted(_DECIMAL.items(), key=lambda item: -item[1]):
        scaled = whole.scaleb(-power)
        if whole and scaled == int(scaled):
            return f"{int(scaled)}{suffix}"
    return "0"


def _exponent(whole: Decimal) -> str:
    for power in range(18, -10, -3):
        scaled = whole.scaleb(-power)
        if whole and scaled == int(scaled):
            return f"{int(scaled)}e{power}" if power else str(int(scaled))
    return "0"
