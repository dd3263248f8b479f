"""How numbers are written: decimals, signs, shares, and the sign for a number that is missing."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "–"
FULL = "100 %"


def digits_for(magnitudes: Sequence[float]) -> int:
    """Decimals of a column: about four significant digits, as the paper prints, one choice for the whole
    column.
    """
    largest = max(magnitudes, default=0.0)
    return 1 if largest >= 100 else 2 if largest >= 10 else 3


def number(value: float, digits: int) -> str:
    """A number with a true minus sign and never '-0.00'."""
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) != 0 else f"{0:.{digits}f}"


def span(low: float | None, high: float | None, digits: int) -> str:
    """``"[low, high]"``, empty when there is no interval."""
    if low is None or high is None:
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def percent(share: float) -> str:
    """A share in whole percent, never rounded up to 100 or down to 0."""
    rounded = round(100 * share)
    if share < 1 and rounded == 100:
        return ">99 %"
    return "<1 %" if share > 0 and rounded == 0 else f"{rounded} %"
