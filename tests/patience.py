"""How long a test waits for what comes by itself, before it calls that hung."""

HANG = 1200  # seconds; so generous that no load makes a passing test fail
BROWSER_HANG = 1000 * HANG  # the same in milliseconds, as Playwright counts
