"""A page for a person: headings, sentences, tables, charts and pictures in one HTML file that needs nothing else."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h2 { margin-top: 2.5rem } img { max-width: 100%; display: block; margin: .5rem 0 }
figure { display: inline-block; margin: .5rem 1rem .5rem 0; max-width: 100% } figure svg { max-width: 100%; height: auto }
table { border-collapse: collapse; font-size: 13px }
td, th { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: left }
.stop { background: #fde8e6; border-left: 4px solid #c0392b; padding: .5rem 1rem }
@media print { h2 { break-after: avoid } img { break-inside: avoid } }
</style></head><body>
<h1>{{ title }}</h1>
{% for line in stops %}<p class="stop">{{ line }}</p>
{% endfor %}
{% for section in sections %}
<h2>{{ section.title }}</h2>
{% for line in section.text %}<p>{{ line }}</p>
{% endfor %}
{% if section.rows %}
<table><tr>{% for name in section.rows[0] %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in section.rows %}<tr>{% for value in row.values() %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endif %}
{% for chart in section.charts %}<figure>{{ chart | safe }}</figure>
{% endfor %}
{% if section.sheet %}<img alt="{{ section.title }}" src="data:image/jpeg;base64,{{ section.sheet }}">{% endif %}
{% endfor %}
</body></html>
""")


@dataclass(frozen=True)
class Section:
    """A heading with sentences, a table (rows with the same keys), a picture (JPEG) and charts (SVG), any of which may be
    missing."""

    title: str
    text: Sequence[str] = ()
    rows: Sequence[dict] = ()
    jpeg: bytes = b""
    charts: Sequence[str] = ()

    @property
    def sheet(self) -> str:
        return base64.b64encode(self.jpeg).decode()


def render(title: str, stops: Sequence[str], sections: Sequence[Section]) -> bytes:
    """The page; `stops` are sentences that nobody may miss, shown first."""
    return _PAGE.render(title=title, stops=stops, sections=sections).encode()
