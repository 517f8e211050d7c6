"""Verdicts are told by more than colour, and names are never markup."""

import re

import pytest

from app.words import BESIDE, ORDER, READ, SIGNS, badge, plain, verdict_as_html
from deepfake_detector.storage.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES


@pytest.mark.parametrize("verdict", ORDER)
def test_a_verdict_is_told_by_its_word(verdict):
    assert verdict in badge(verdict)
    assert f"</span> {verdict} <strong>{BESIDE[verdict]}</strong>" in verdict_as_html(verdict)


def test_every_verdict_has_looks_of_its_own():
    assert len({sign for _, sign in SIGNS.values()}) == len(ORDER)
    assert {SIGNS["REAL"][0], SIGNS["FAKE"][0]} == {"blue", "orange"}
    for verdict, sign in {"REAL": "●", "FAKE": "▲", "INCONCLUSIVE": "○", "ERROR": "✕"}.items():
        assert [one for one in "●▲○✕" if one in verdict_as_html(verdict)] == [sign]
    styles = {re.search('style="(.*?)"', verdict_as_html(one)).group(1) for one in ORDER}
    assert len(styles) == len(ORDER)


KINDS = {  # as the page tells them
    "MP4": ".mp4 .m4v .mp4v .insv .360 .f4v",
    "MOV": ".mov .qt",
    "3GP": ".3gp .3gpp .3g2 .3gp2",
    "MKV": ".mkv .mk3d",
    "WebM": ".webm",
    "AVI": ".avi .divx",
    "MPEG": ".mpg .mpeg .mpe .m2p .vob .mod",
    "transport streams such as MTS": ".ts .mts .m2ts .m2t .tod .trp",
    "GIF": ".gif",
    "JPEG": ".jpg .jpeg .jpe .jfif .jif",
    "PNG": ".png .apng",
    "WebP": ".webp",
    "BMP": ".bmp .dib",
    "TIFF": ".tif .tiff",
    "HEIC": ".heic .heif .hif",
    "AVIF": ".avif",
}


def test_all_kinds_that_can_be_read_are_told():
    assert all(kind in READ for kind in KINDS)
    assert set(" ".join(KINDS.values()).split()) == IMAGE_SUFFIXES | VIDEO_SUFFIXES


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("clip 1 mp4", "clip 1 mp4"),
        ("möwe", "möwe"),
        ("a.mp4", r"a\.mp4"),
        ("**b**_c_", r"\*\*b\*\*\_c\_"),
        ("[x](http://e)", r"\[x\]\(http\:\/\/e\)"),
        ("<b>&amp;", r"\<b\>\&amp;"),
        ("$x$ :red[y]", r"\$x\$ \:red\[y\]"),
        ("a\nb\u202ec\x00", "a?b?c?"),
    ],
)
def test_a_name_is_shown_letter_by_letter(name, shown):
    assert plain(name) == shown
