"""The charts of the run report, from the templates that `dvc plots` draws too.

A chart comes back byte for byte: text is measured with a font that vl-convert brings, whatever
fonts the machine has.
"""

import json
from html import escape
from typing import Any

import pandas as pd
import vl_convert

VEGA_LITE = "5.20"
CONFIG = {
    "font": "Liberation Sans, Arial, sans-serif",  # the first comes with vl-convert
    "aria": False,  # a chart is one picture with a label
}


def svg(template: dict, table: pd.DataFrame) -> str:
    """The chart of one run's table by a Vega-Lite template of DVC's, as the text of an SVG."""
    rows = json.loads(table.to_json(orient="records"))  # NaN becomes null
    chart = _of_one_run(template) | {"data": {"values": rows}}
    drawn = vl_convert.vegalite_to_svg(chart, vl_version=VEGA_LITE, config=CONFIG)
    return drawn.replace("<svg", f'<svg role="img" aria-label="{escape(template["title"])}"', 1)


def _of_one_run(part: Any) -> Any:
    """The template without the encodings by revision, of which there is only one."""
    if isinstance(part, list):
        return [_of_one_run(item) for item in part]
    if not isinstance(part, dict):
        return part
    by_revision = {
        name
        for name, value in part.items()
        if isinstance(value, dict) and value.get("field") == "rev"
    }
    return {name: _of_one_run(value) for name, value in part.items() if name not in by_revision}
