"""Resource quantities in the canonical form in which an API server gives them back."""

import re
from decimal import ROUND_UP, Decimal
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(m|u|n|k|M|G|T|P|E|[KMGTPE]i|[eE][+-]?\d+)?")
_BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def canonical(value: Any) -> str:
    """Return the canonical text of a quantity: `1000m` is `1`, `1024Mi` is `1Gi`. ValueError if it is none.

    Binary, decimal and exponent notation are each kept; the number is whole and the suffix as large as possible.
    """
    found = _QUANTITY.fullmatch(str(value).strip())
    if not found:
        raise ValueError(f"{value!r} is not a quantity")
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix in _BINARY and suffix:
        amount = number * 1024 ** _BINARY.index(suffix)
        # Fractions of a byte and amounts below 1 Ki leave the binary notation.
        return _binary(int(amount)) if amount == int(amount) and abs(amount) >= 1024 else _decimal(amount)
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return _exponent(number.scaleb(int(suffix[1:])))
    return _decimal(number.scaleb(_DECIMAL[suffix]))


def _binary(amount: int) -> str:
    power = 0
    while amount and amount % 1024 == 0 and power < len(_BINARY) - 1:
        amount, power = amount // 1024, power + 1
    return f"{amount}{_BINARY[power]}"


def _decimal(amount: Decimal) -> str:
    amount = amount.quantize(Decimal("1e-9"), rounding=ROUND_UP) if amount % Decimal("1e-9") else amount
    for suffix, power in sorted(_DECIMAL.items(), key=lambda item: -item[1]):
        scaled = amount.scaleb(-power)
        if amount and scaled == int(scaled):
            return f"{int(scaled)}{suffix}"
    return "0"


def _exponent(amount: Decimal) -> str:
    for power in range(18, -10, -3):
        scaled = amount.scaleb(-power)
        if amount and scaled == int(scaled):
            return f"{int(scaled)}e{power}" if power else str(int(scaled))
    return "0"
