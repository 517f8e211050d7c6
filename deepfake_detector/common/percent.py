"""Probabilities in percent, as a person is told them."""

from collections.abc import Sequence

MOST_DIGITS = 4  # limits have six digits as fractions, but for those within 0.001 of 0 or 1


def percent(probability: float, digits: int = 1) -> str:
    """With so many digits behind the point, and never as 0 or 100 %: no model is so sure."""
    least = 10.0 ** -(digits + 2)
    if probability <= least / 2:
        return f"under {least:.{digits}%}"
    if probability >= 1 - least / 2:
        return f"over {1 - least:.{digits}%}"
    return f"{probability:.{digits}%}"


def digits_beside(probability: float, limits: Sequence[float]) -> int:
    """So few digits that the probability looks like none of the limits that it is not, and that
    every limit but 0 and 1 is told as a number."""
    told_apart = [limit for limit in limits if 0 < limit < 1]
    for digits in range(1, MOST_DIGITS):
        own, others = percent(probability, digits), [percent(one, digits) for one in told_apart]
        looks_alike = any(
            own == other and probability != limit
            for other, limit in zip(others, told_apart, strict=True)
        )
        if not looks_alike and all(other[0].isdigit() for other in others):
            return digits
    return MOST_DIGITS
