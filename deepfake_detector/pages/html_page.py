"""A page for a person: headings, sentences, tables, charts and pictures in one HTML file that needs
nothing else."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

from deepfake_detector.common.verdicts import FileVerdict
from deepfake_detector.pages.looks import LOOKS

NO_PROOF = "A verdict is a sign, not a proof. Never take it as the only evidence against a person."
STYLE = """\
:root { color-scheme: light dark; --text: #222; --ground: #fff; --line: #ddd }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
body { color: var(--text); background: var(--ground); overflow-wrap: break-word }
h2 { margin-top: 2.5rem } img { max-width: 100%; display: block; margin: .5rem 0 }
figure { margin: 0; max-width: 100% } figcaption { font-size: 13px }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; margin-top: 1rem; align-items: flex-start }
.charts svg { max-width: max(100%, 34rem); height: auto; overflow: visible }
.charts figure { padding: .8rem 1.4rem; background: #fff; color: #222; border: 1px solid var(--line) }
.charts figcaption { max-width: 44rem; margin-top: .5rem }
nav ul { columns: 16rem; padding-left: 1.2rem } a { color: inherit }
table { border-collapse: collapse; font-size: 13px }
td, th { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: left }
.table, .charts figure { overflow-x: auto } td { max-width: 20rem }
td:last-child { overflow-wrap: anywhere; min-width: 7rem; max-width: none }
.badge { display: inline-block; padding: .2rem 1.2rem; border: 3px solid; border-radius: 2rem; font-size: 1.6rem }
VERDICTS
.pictures { display: flex; flex-wrap: wrap; gap: .8rem } .pictures figure { width: 16rem }
.pictures figure.wide { width: 32rem }
.stop { background: #fde8e6; color: #222; border-left: 4px solid #c0392b; padding: .5rem 1rem }
@media screen and (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --ground: #16181c; --line: #44484f } }
@media print {
body { margin: 0; font-size: 12px } h1, h2, h2 + p { break-after: avoid }
p:has(+ .pictures), p:has(+ .charts), p:has(+ .table) { break-after: avoid }
img, figure, tr, .badge, .stop { break-inside: avoid } .pictures, .charts { display: block }
figure { display: inline-block; margin: 0 .8rem .8rem 0 }
.FAKE, .REAL, .INCONCLUSIVE, .ERROR { print-color-adjust: exact } }""".replace(
    "VERDICTS",
    "\n".join(
        f".{word} {{ color: {look.text}; background: {look.ground}; border-style: {look.outline} }}"
        for word, look in LOOKS.items()
    ),
)
_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
{{ style | safe }}
</style></head><body><main>
<h1>{{ title }}</h1>
{% if badge %}<p><span class="badge {{ badge.word }}">{{ badge.sign }} {{ badge.word }}</span></p>
{% endif %}
{% for line in stops %}<p class="stop">{{ line }}</p>
{% endfor %}
{% if contents %}<nav aria-label="Contents"><ul>
{% for section in sections %}<li><a href="#section-{{ loop.index }}">{{ section.title }}</a></li>
{% endfor %}</ul></nav>
{% endif %}
{% for section in sections %}
<h2 id="section-{{ loop.index }}">{{ section.title }}</h2>
{% for line in section.text %}<p>{{ line }}</p>
{% endfor %}
{% if section.rows %}
<div class="table" tabindex="0" role="region" aria-label="{{ section.title }}">
<table><tr>{% for name in section.rows[0] %}<th scope="col">{{ name }}</th>{% endfor %}</tr>
{% for row in section.rows %}<tr>{% for value in row.values() %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% endif %}
{% if section.charts %}<div class="charts">
{% for chart in section.charts %}<figure tabindex="0">{{ chart.svg | safe }}
{% if chart.how %}<figcaption>{{ chart.how }}</figcaption>{% endif %}</figure>
{% endfor %}</div>{% endif %}
{% if section.pictures %}<div class="pictures">
{% for picture in section.pictures %}<figure{% if picture.wide %} class="wide"{% endif %}>
<img alt="{{ picture.alt }}" src="data:image/jpeg;base64,{{ picture.base64 }}">
<figcaption>{{ picture.caption }}</figcaption></figure>
{% endfor %}</div>{% endif %}
{% if section.sheet %}<img alt="{{ section.title }}" src="data:image/jpeg;base64,{{ section.sheet }}">{% endif %}
{% endfor %}
</main></body></html>
""")


@dataclass(frozen=True)
class Badge:
    """A verdict as its word and its sign, with outline and colour of their own."""

    word: FileVerdict

    @property
    def sign(self) -> str:
        """The character before the word."""
        return LOOKS[self.word].sign


@dataclass(frozen=True)
class Picture:
    """A small picture (JPEG) with what stands below it and what is read out instead of it; a `wide`
    one takes twice the room."""

    jpeg: bytes
    caption: str
    alt: str
    wide: bool = False

    @property
    def base64(self) -> str:
        """The JPEG as the text of a data URL."""
        return base64.b64encode(self.jpeg).decode()


@dataclass(frozen=True)
class Chart:
    """A chart (SVG) with what stands below it: how to read it."""

    svg: str
    how: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with sentences, a table (rows with the same keys), a large picture (JPEG), charts
    and small pictures, any of which may be missing."""

    title: str
    text: Sequence[str] = ()
    rows: Sequence[dict] = ()
    jpeg: bytes = b""
    charts: Sequence[Chart] = ()
    pictures: Sequence[Picture] = ()

    @property
    def sheet(self) -> str:
        """The large picture as the text of a data URL; empty where there is none."""
        return base64.b64encode(self.jpeg).decode()


def render(
    title: str,
    stops: Sequence[str],
    sections: Sequence[Section],
    badge: Badge | None = None,
    contents: bool = False,
) -> bytes:
    """The page; `stops` are sentences that nobody may miss, shown first, after the badge. A long
    one has `contents`: a link to each section."""
    page = _PAGE.render(
        style=STYLE, title=title, stops=stops, sections=sections, badge=badge, contents=contents
    )
    return page.encode("utf-8", "replace")
