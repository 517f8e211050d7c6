"""How the page puts verdicts and file names: each verdict has a colour and a sign of its own, names
are never markup."""

import re

SIGNS = {
    "REAL": ("blue", ":material/check_circle:"),
    "FAKE": ("orange", ":material/warning:"),
    "INCONCLUSIVE": ("gray", ":material/help:"),
    "ERROR": ("gray", ":material/error:"),
}
LOOKS = {
    "REAL": ("#005a8c", "#e8f3fa", "solid"),
    "FAKE": ("#a34700", "#fdf0e6", "solid"),
}  # text, ground, outline


def badge(verdict: str) -> str:
    """The verdict as Markdown, told by its word and its sign as well as by its colour."""
    colour, sign = SIGNS[verdict]
    return f":{colour}-badge[{sign} {verdict}]"


def plain(text: str) -> str:
    """Text from outside as Markdown that shows it letter by letter; what cannot be shown is a
    question mark."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&=^\"'@/])", r"\\\1", shown)


def verdict_as_html(verdict: str) -> str:
    """The verdict in large letters, as in the HTML report, read out when it comes."""
    sign = {"FAKE": "▲", "REAL": "●"}.get(verdict, "○")
    text, ground, outline = LOOKS.get(verdict, ("#444", "#f2f2f2", "dashed"))
    style = f"color:{text};background:{ground};border:3px {outline};border-radius:2rem;padding:.2rem 1.2rem;font-size:1.6rem"
    return f'<div role="status"><strong style="{style}"><span aria-hidden="true">{sign}</span> {verdict}</strong></div>'
