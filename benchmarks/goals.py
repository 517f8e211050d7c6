"""Goals, each told by the benchmark that measures it; docs/benchmarks.md sums them up."""

MARK = "goal: "


def at_most(what: str, measured: float, goal: float, unit: str) -> None:
    _tell(what, measured, f"at most {goal:g}", unit, measured <= goal)


def at_least(what: str, measured: float, goal: float, unit: str) -> None:
    _tell(what, measured, f"at least {goal:g}", unit, measured >= goal)


def table(printed: str) -> list[str]:
    """The goals among what benchmarks printed, as rows of a Markdown table."""
    told = [
        line.removeprefix(MARK).split(" | ")
        for line in printed.splitlines()
        if line.startswith(MARK)
    ]
    head = ["| what | measured | goal | |", "|---|---|---|---|"]
    return head + [f"| {' | '.join(cells)} |" for cells in told]


def _tell(what: str, measured: float, goal: str, unit: str, met: bool) -> None:
    print(
        MARK
        + " | ".join(
            (
                what,
                f"{measured:.3g} {unit}".strip(),
                f"{goal} {unit}".strip(),
                "met" if met else "**missed**",
            )
        )
    )
