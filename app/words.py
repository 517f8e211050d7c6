"""How the page writes verdicts and file names: each verdict has its own words, colour and sign, and
names are never markup."""

import re
from pathlib import Path

from deepfake_detector.common.console import printable
from deepfake_detector.common.verdicts import FileVerdict
from deepfake_detector.pages.looks import LOOKS

# what needs to be looked at first comes first
ORDER: tuple[FileVerdict, ...] = ("FAKE", "INCONCLUSIVE", "ERROR", "REAL")
SIGNS: dict[FileVerdict, tuple[str, str]] = {
    "REAL": ("blue", ":material/check_circle:"),
    "FAKE": ("orange", ":material/warning:"),
    "INCONCLUSIVE": ("gray", ":material/help:"),
    "ERROR": ("red", ":material/error:"),
}
BESIDE: dict[FileVerdict, str] = {
    "FAKE": "Signs of manipulation",
    "REAL": "No signs found",
    "INCONCLUSIVE": "No verdict",
    "ERROR": "Cannot be judged",
}
READ = (
    "Clips: MP4, MOV, 3GP, MKV, WebM, AVI, MPEG, transport streams such as MTS, animated GIF. "
    "Pictures: JPEG, PNG, WebP, BMP, TIFF, HEIC, AVIF."
)


def badge(verdict: FileVerdict) -> str:
    """The verdict as Markdown, with its word and its sign besides its colour."""
    colour, sign = SIGNS[verdict]
    return f":{colour}-badge[{sign} {verdict}]"


def in_table(verdict: FileVerdict) -> str:
    """The verdict where only letters can stand."""
    return f"{LOOKS[verdict].sign} {verdict}"


def plain(text: str) -> str:
    """Text from outside as Markdown that shows it letter by letter."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&=^\"'@/])", r"\\\1", printable(text))


def file_beside(name: str, ending: str) -> str:
    """The name of a file about the one of this name, in letters that every browser can send."""
    return f"{printable(Path(name).stem)}{ending}"


def verdict_as_html(verdict: FileVerdict) -> str:
    """The verdict in large letters with what it says, read out when it comes."""
    look = LOOKS[verdict]
    style = (
        f"display:inline-block;color:{look.text};background:{look.ground};border:3px {look.outline};"
        "border-radius:2rem;padding:.2rem 1.2rem;margin:0;font-size:1.4rem;font-weight:400"
    )
    return (
        f'<div role="status"><h2 style="{style}"><span aria-hidden="true">{look.sign}'
        f"</span> {verdict} <strong>{BESIDE[verdict]}</strong></h2></div>"
    )
