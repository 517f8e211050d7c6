"""Probabilities in percent, as a person reads them."""

from collections.abc import Sequence

MOST_DIGITS = 4  # limits have six digits as fractions, but for those within 0.001 of 0 or 1


def percent(probability: float, digits: int = 1) -> str:
    """A probability in percent with so many `digits` behind the point, and never as 0 or 100 %: no
    model is so sure."""
    least = 10.0 ** -(digits + 2)
    if probability <= least / 2:
        return f"under {least:.{digits}%}"
    if probability >= 1 - least / 2:
        return f"over {1 - least:.{digits}%}"
    return f"{probability:.{digits}%}"


def digits_beside(probability: float, limits: Sequence[float]) -> int:
    """Digits for `percent`, 1 to 4: as few as make the probability look like none of the limits
    that it differs from, and every limit but 0 and 1 a number."""
    limits = [limit for limit in limits if 0 < limit < 1]
    for digits in range(1, MOST_DIGITS):
        text = percent(probability, digits)
        of_limits = {limit: percent(limit, digits) for limit in limits}
        looks_alike = any(
            text == of_limit and probability != limit for limit, of_limit in of_limits.items()
        )
        if not looks_alike and all(of_limit[0].isdigit() for of_limit in of_limits.values()):
            return digits
    return MOST_DIGITS
