"""params.yaml: the settings of all subpackages in one captioned file, checked as a whole.

Example:

    from deepfake_detector import params

    train = params.load().train
"""

import io
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from deepfake_detector import UserError
from deepfake_detector.common.settings import Parallel, StrictModel, in_words, shown
from deepfake_detector.datasets.settings import (
    RAW,
    AnyDataSet,
    FolderSet,
    Name,
    Split,
    Synthesize,
    Verify,
)
from deepfake_detector.evaluation.settings import Evaluate, Quality, Robustness
from deepfake_detector.export.settings import Export
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.media.settings import ExtractFrames
from deepfake_detector.scoring.settings import Aggregation, Calibrate
from deepfake_detector.storage.settings import Scratch
from deepfake_detector.training.settings import Runtime, Train

PARAMS_FILE = Path("params.yaml")
ENDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
MISSING = "missing; every key must be there, as DVC tracks what the file says"
OF_KEY = "[key]"  # what pydantic puts after a name that is wrong itself
CAPTION_COLUMN, LINE_WIDTH = 28, 100


class Params(StrictModel):
    """All of params.yaml, one section per stage and a few that stages share."""

    data_sets: Annotated[dict[Name, AnyDataSet], Field(min_length=1)] = Field(
        description="what to work on, by name; each is scanned by a stage of its own"
    )
    synthesize: dict[Name, Synthesize] = Field({}, description="drawn data sets, by name; {}: none")
    parallel: Parallel = Field(
        Parallel(),
        description="executor and workers are not tracked: results do not depend on them",
    )
    scratch: Scratch = Field(
        Scratch(), description="not tracked: finished frames and faces are kept in .cache/"
    )
    runtime: Runtime = Field(
        Runtime(), description="not tracked: how training runs here, not what it learns"
    )
    extract_frames: ExtractFrames = ExtractFrames()
    crop_faces: CropFaces = CropFaces()
    verify: Verify = Verify()
    split: Split = Split()
    train: Train = Train()
    aggregation: Aggregation = Field(
        Aggregation(), description="from frames to one probability per clip"
    )
    calibrate: Calibrate = Calibrate()
    quality: Quality = Quality()
    evaluate: Evaluate = Evaluate()
    export: Export = Export()
    robustness: Robustness = Robustness()

    @model_validator(mode="after")
    def _no_mix_with_unchanged_crops(self) -> "Params":
        ready = {
            name: isinstance(data_set, FolderSet) and data_set.kind == "face"
            for name, data_set in self.data_sets.items()
            if data_set.use == "train"
        }
        if not self.crop_faces.realign and any(ready.values()) and not all(ready.values()):
            others = ", ".join(name for name, is_ready in ready.items() if not is_ready)
            raise ValueError(
                "crop_faces.realign: false takes ready crops (kind: face) as they are, and "
                f"{others} has none: a model is for the one or the other; set it to true"
            )
        return self

    @model_validator(mode="after")
    def _roots(self) -> "Params":
        for name, data_set in self.data_sets.items():
            if data_set.layout == "demo":
                _check_demo_root(name, data_set.root, self.synthesize)
            elif not Path(data_set.root).is_absolute():
                raise ValueError(
                    f"data_sets.{name}.root: {data_set.root!r} must be an absolute path: a "
                    "relative one is lost when `dvc exp run --temp` or `--queue` works in a copy"
                )
        if unread := sorted(set(self.synthesize) - set(self.data_sets)):
            raise ValueError(
                f"synthesize.{unread[0]}: no data set of that name under data_sets; add it or drop "
                "this"
            )
        return self


def _check_demo_root(name: str, root: str, synthesized: Mapping[str, Synthesize]) -> None:
    if root != f"{RAW}/{name}" or name not in synthesized:
        raise ValueError(
            f"data_sets.{name}: layout demo is drawn by `synthesize`, so its root must be "
            f"{RAW}/{name} and synthesize.{name} must say how"
        )


def load(path: Path = PARAMS_FILE) -> Params:
    """All of a params file, checked.

    Raises UserError naming every wrong or missing key, with its legal range.
    """
    settings = load_differences(path)
    if missing := list(_left_to_defaults(settings)):
        lines = [f"  {key}: {MISSING}" for key in missing]
        raise UserError(f"{path}:\n" + "\n".join(lines))
    return settings


def load_differences(path: Path) -> Params:
    """The settings of a file that may leave keys to their defaults, as profiles do.

    Raises UserError naming every wrong key, with its legal range.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror})", "run this in the folder that holds it"
        ) from error
    except YAMLError as error:
        raise UserError(
            f"{path}: not valid YAML: {_yaml_problem(error)}", _yaml_remedy(error)
        ) from error
    if content is None:
        raise UserError(f"{path}: holds no settings", "`use-profile` writes them again")
    try:
        return Params.model_validate(content, strict=True)
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors()]
        raise UserError(f"{path}:\n" + "\n".join(problems)) from error


def declared(*keys: str, path: Path = PARAMS_FILE) -> Any:
    """The unchecked value of the key that lies below `keys` in a params file, or the whole content;
    None where there is none that can be read.

    For what must be known before a stage loads its libraries, and for the comparison after a stage
    has ended. `load` names what is wrong.
    """
    try:
        value = YAML(typ="safe", pure=True).load(path)
        for key in keys:
            value = value[key]
    except (OSError, YAMLError, KeyError, TypeError):
        return None
    return value


def rendered(params: Params, head: list[str]) -> str:
    """The text of a params file: `head` as comment lines, then every key with its caption."""
    lines = [f"# {line}".rstrip() for line in head]
    for name, field in Params.model_fields.items():
        lines += ["", *_entry(name, field, getattr(params, name), "")]
    return "\n".join(lines) + "\n"


def _entry(name: str, field: FieldInfo | None, value: Any, indent: str) -> Iterator[str]:
    """A key with its caption, then the keys below it."""
    caption = (field.description if field else None) or ""
    if isinstance(value, StrictModel):
        yield from _captioned(f"{indent}{name}:", caption)
        for key, subfield in type(value).model_fields.items():
            yield from _entry(key, subfield, getattr(value, key), indent + "  ")
    elif isinstance(value, dict) and value:
        yield from _captioned(f"{indent}{name}:", caption)
        for key, entry in value.items():
            yield from _entry(key, None, entry, indent + "  ")
    else:
        yield from _captioned(f"{indent}{name}: {_scalar(value)}", caption)


def _captioned(text: str, caption: str) -> Iterator[str]:
    """The text with its caption behind it, wrapped into comment lines below."""
    first, *rest = textwrap.wrap(
        caption, LINE_WIDTH - CAPTION_COLUMN - 4, break_on_hyphens=False
    ) or [""]
    yield f"{text:<{CAPTION_COLUMN}}  # {first}" if first else text
    yield from (f"{'':<{CAPTION_COLUMN}}  # {line}" for line in rest)


def _scalar(value: Any) -> str:
    """A value as YAML on one line; a float in a form that YAML 1.1 takes for one too."""
    if isinstance(value, float) and "e" in (text := repr(value)) and "." not in text:
        return text.replace("e", ".0e")
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = True, 1 << 20
    buffer = io.StringIO()
    yaml.dump(value, buffer)
    return buffer.getvalue().removesuffix("\n").removesuffix("\n...")


def _left_to_defaults(model: StrictModel, path: str = "") -> Iterator[str]:
    """The keys that the file does not hold."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name not in model.model_fields_set:
            yield f"{path}{name}"
        elif isinstance(value, StrictModel):
            yield from _left_to_defaults(value, f"{path}{name}.")
        elif isinstance(value, dict):
            for key, entry in value.items():
                yield from _left_to_defaults(entry, f"{path}{name}.{key}.")


def _yaml_problem(error: YAMLError) -> str:
    """What is wrong, and in which line, without the library's advice to its programmers."""
    if not isinstance(error, MarkedYAMLError):
        return str(error).partition("\n")[0]
    problem = str(error.problem).partition(" with value ")[0]
    return f"line {error.problem_mark.line + 1}: {problem}" if error.problem_mark else problem


def _yaml_remedy(error: YAMLError) -> str:
    if isinstance(error, DuplicateKeyError):
        return "remove one of the two"
    if isinstance(error, ReaderError):
        return "save it as text in UTF-8"
    return "indent with spaces" if r"'\t'" in str(error) else "correct that line"


def _problem(detail: ErrorDetails) -> str:
    """One problem of pydantic's in a line: the key's path, what is wrong, what it was."""
    path = [str(part) for part in detail["loc"]]
    if path[:1] == ["data_sets"]:
        del path[2:3]  # pydantic puts the layout's name between the data set and its key
    if path[-1:] == [OF_KEY]:
        del path[-1]
    key = ".".join(path) or "params"
    text = MISSING if detail["type"] == "missing" else in_words(detail)
    if detail["type"] in ("missing", "value_error"):
        return f"  {key}: {text}"
    legal = _legal_range(path)
    return (
        f"  {key}: {text} (it is {shown(detail['input'])}{f'; legal is {legal}' if legal else ''})"
    )


def _legal_range(path: list[str]) -> str:
    """Both ends of what the number at `path` may be, in words; empty for what is no number of a
    plain section."""
    section: Any = Params
    rules: list[Any] = []
    for part in path:
        fields = getattr(section, "model_fields", {})
        if part not in fields:
            return ""
        section, rules = fields[part].annotation, fields[part].metadata
    return ", ".join(
        f"{words} {getattr(rule, end):g}"
        for end, words in ENDS.items()
        for rule in rules
        if hasattr(rule, end)
    )
