"""How a verdict looks wherever one is shown: a sign, colours and an outline of its own, so that
none of them has to be told apart alone."""

from dataclasses import dataclass

from PIL import ImageColor

from deepfake_detector.common.verdicts import FileVerdict


@dataclass(frozen=True)
class Look:
    """`text` and `ground` are colours of CSS, `outline` is a border style."""

    sign: str
    text: str
    ground: str
    outline: str


# Of charts: what is REAL, what is FAKE, and the band between; colour-blind readers tell them apart.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#808080"
LOOKS: dict[FileVerdict, Look] = {
    "FAKE": Look("▲", "#a34700", "#fdf0e6", "solid"),
    "REAL": Look("●", "#005a8c", "#e8f3fa", "solid"),
    "INCONCLUSIVE": Look("○", "#444", "#f2f2f2", "dashed"),
    "ERROR": Look("✕", "#8c1d18", "#fdeceb", "double"),
}


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour of CSS as red, green and blue, each 0..255."""
    red, green, blue, *_ = ImageColor.getrgb(colour)
    return red, green, blue
