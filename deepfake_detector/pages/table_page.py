"""A long table for a person: one HTML file that sorts and filters by itself and needs nothing else.

Without scripts it is the same table in the order it was written.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import jinja2

from deepfake_detector.pages.html_page import STYLE, Badge
from deepfake_detector.pages.looks import LOOKS

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
{{ style | safe }}
td .badge { font-size: 1em; padding: 0 .7rem; border-width: 2px; white-space: nowrap }
th button { font: inherit; font-weight: bold; border: 0; background: none; padding: 0; cursor: pointer; color: inherit }
th[aria-sort=ascending] button::after { content: " ▲" } th[aria-sort=descending] button::after { content: " ▼" }
fieldset { border: 0; padding: 0; margin: .5rem 0 } fieldset label, #text { margin-right: 1rem } #text { font: inherit }
</style></head><body><main>
<h1>{{ title }}</h1>
{% for line in text %}<p>{{ line }}</p>
{% endfor %}
<form id="filter" hidden><fieldset><legend>Show</legend>
{% for badge in badges %}<label><input type="checkbox" value="{{ badge.word }}" checked> {{ badge.word }}</label>
{% endfor %}</fieldset>
<label>with the text <input type="search" id="text"></label> <span id="shown" role="status"></span></form>
<div class="table" tabindex="0" role="region" aria-label="{{ title }}">
<table><thead><tr>{% for head in heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead><tbody>
{% for row in rows %}
{% set word = row.badge.word %}
<tr><td data-text="{{ word }}"><span class="badge {{ word }}">{{ row.badge.sign }} {{ word }}</span></td>
{% for cell in row.cells %}<td{% if cell.number is not none %} data-number="{{ cell.number }}"{% endif %}>
{%- if cell.link %}<a href="{{ cell.link }}">{{ cell.text }}</a>{% else %}{{ cell.text }}{% endif %}</td>
{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
</main>
<script>
const body = document.querySelector("tbody"), rows = [...body.rows];
const text = document.getElementById("text"), boxes = [...document.querySelectorAll("#filter input[type=checkbox]")];

function filter() {
  const words = text.value.toLowerCase(), wanted = boxes.filter(box => box.checked).map(box => box.value);
  for (const row of rows)
    row.hidden = !wanted.includes(row.cells[0].dataset.text) || !row.textContent.toLowerCase().includes(words);
  document.getElementById("shown").textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} shown`;
}

function compared(one, other) {  // what has no number before all numbers
  const numbers = [one, other].map(cell => parseFloat(cell.dataset.number ?? "NaN"));
  if (numbers.some(number => !isNaN(number)))
    return (isNaN(numbers[0]) ? -1 : numbers[0]) - (isNaN(numbers[1]) ? -1 : numbers[1]);
  const [first, second] = [one, other].map(cell => cell.dataset.text ?? cell.textContent);
  return first.localeCompare(second);
}

document.querySelectorAll("th").forEach((head, column) => {
  const button = document.createElement("button");
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const way = head.ariaSort === "ascending" ? -1 : 1;
    document.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    head.ariaSort = way === 1 ? "ascending" : "descending";
    rows.sort((one, other) => way * compared(one.cells[column], other.cells[column]));
    body.append(...rows);
  });
});
document.getElementById("filter").addEventListener("input", filter);
document.getElementById("filter").addEventListener("submit", event => event.preventDefault());
document.getElementById("filter").hidden = false;
filter();
</script></body></html>
""")


@dataclass(frozen=True)
class Cell:
    """A text, with the number it is sorted by where it is one, and the file it leads to."""

    text: str
    number: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Row:
    """A verdict, which the table can be filtered by, and what belongs to it."""

    badge: Badge
    cells: Sequence[Cell]


def render(
    title: str, text: Sequence[str], heads: Sequence[str], rows: Iterable[Row]
) -> Iterator[bytes]:
    """The page in parts; `heads` are those of verdict and cells, `text` stands above the table."""
    badges = [Badge(word) for word in LOOKS]
    parts = _PAGE.generate(
        title=title, style=STYLE, text=text, badges=badges, heads=heads, rows=rows
    )
    return (part.encode("utf-8", "replace") for part in parts)
