"""Verdicts are told by more than colour, and names are never markup."""

import pytest

from app.words import SIGNS, badge, plain, verdict_as_html

VERDICTS = ("REAL", "FAKE", "INCONCLUSIVE", "ERROR")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_verdict_is_told_by_its_word(verdict):
    assert verdict in badge(verdict)
    assert f"</span> {verdict}</strong>" in verdict_as_html(verdict)


def test_every_verdict_has_a_sign_of_its_own_and_real_and_fake_have_other_colours():
    assert len({sign for _, sign in SIGNS.values()}) == len(VERDICTS)
    assert {SIGNS["REAL"][0], SIGNS["FAKE"][0]} == {"blue", "orange"}
    for verdict, sign in {"REAL": "●", "FAKE": "▲", "INCONCLUSIVE": "○", "ERROR": "○"}.items():
        assert [one for one in "●▲○" if one in verdict_as_html(verdict)] == [sign]


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
