"""What the page and the API take and how many they serve at once: limits.toml, or the file that
DEEPFAKE_LIMITS names."""

import math
import os
import tomllib
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from deepfake_detector import UserError
from deepfake_detector.common.settings import StrictModel, in_words
from deepfake_detector.media import reading

FILE = Path(__file__).with_name("limits.toml")
SHOWN = "deepfake_detector/serving/limits.toml"  # by which a reader finds it in the project
MIB = 1 << 20  # what Streamlit and nginx call a megabyte of an upload


class ServingLimits(StrictModel, strict=True):
    """The limits of one process that serves."""

    upload_mb: int = Field(gt=0, description="largest file, in MiB")
    clip_seconds: float = Field(gt=0, description="longest clip, in seconds")
    megapixels: float = Field(gt=0, description="largest picture or frame, in million pixels")
    seconds_per_clip: float = Field(
        gt=0, description="seconds to read one clip before it is given up"
    )
    visitors_at_once: int = Field(
        gt=0, le=64, description="inputs judged at the same time; the others wait in line"
    )
    uploads_at_once: int = Field(
        gt=0, le=1024, description="uploads that the API holds, those that it judges among them"
    )

    @model_validator(mode="after")
    def _room_for_those_judged(self) -> Self:
        if self.uploads_at_once < self.visitors_at_once:
            raise ValueError("uploads_at_once is less than visitors_at_once")
        return self

    @property
    def upload_bytes(self) -> int:
        """The largest file, in bytes."""
        return self.upload_mb * MIB

    @property
    def of_a_file(self) -> reading.Limits:
        """The limits within which one file is read."""
        return reading.Limits(
            round(self.megapixels * 1e6), self.clip_seconds, self.seconds_per_clip
        )


def file() -> Path:
    """The path of the file with the limits in force."""
    return Path(os.environ.get("DEEPFAKE_LIMITS", FILE)).absolute()


def read(server_mb: float = math.inf) -> ServingLimits:
    """The limits in force, where the server itself takes files of up to `server_mb`.

    Raises UserError, naming file and key, where they cannot be read or make no sense.
    """
    path = file()
    try:
        limits = ServingLimits(**tomllib.loads(path.read_text()))
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}", f"DEEPFAKE_LIMITS names a file like {SHOWN}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: no TOML file: {error}", f"{SHOWN} shows how it is written"
        ) from error
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, problem["loc"])), in_words(problem))))
            for problem in error.errors()
        )
        raise UserError(f"{path}: {problems}", f"{SHOWN} explains its keys") from error
    if limits.upload_mb > server_mb:
        raise UserError(
            f"{path}: upload_mb is {limits.upload_mb}, but the server takes {server_mb} MB",
            f"start it with --server.maxUploadSize {limits.upload_mb}",
        )
    return limits
