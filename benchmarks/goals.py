"""Goals, each printed by the benchmark that measures it; docs/benchmarks.md sums them up."""

MARK = "goal: "


def at_most(quantity: str, measured: float, goal: float, unit: str) -> None:
    """Print a goal that is met where the quantity is `goal` or less."""
    _print(quantity, measured, f"at most {goal:g}", unit, measured <= goal)


def at_least(quantity: str, measured: float, goal: float, unit: str) -> None:
    """Print a goal that is met where the quantity is `goal` or more."""
    _print(quantity, measured, f"at least {goal:g}", unit, measured >= goal)


def table(printed: str) -> list[str]:
    """The goals among what benchmarks printed, as rows of a Markdown table."""
    rows = [
        line.removeprefix(MARK).split(" | ")
        for line in printed.splitlines()
        if line.startswith(MARK)
    ]
    head = ["| what | measured | goal | |", "|---|---|---|---|"]
    return head + [f"| {' | '.join(cells)} |" for cells in rows]


def _print(quantity: str, measured: float, goal: str, unit: str, met: bool) -> None:
    cells = (
        quantity,
        f"{measured:.3g} {unit}".strip(),
        f"{goal} {unit}".strip(),
        "met" if met else "**missed**",
    )
    print(MARK + " | ".join(cells))
