"""What the page takes and how many it serves at once: app/limits.toml, or the file that
DEEPFAKE_LIMITS names."""

import os
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepfake_detector import UserError
from deepfake_detector.media import reading

FILE = Path(__file__).with_name("limits.toml")


class PageLimits(BaseModel):
    """`upload_mb` and `megapixels` in millions, `clip_seconds` of playing, `seconds_per_clip` of
    work."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    upload_mb: int = Field(gt=0)
    clip_seconds: float = Field(gt=0)
    megapixels: float = Field(gt=0)
    seconds_per_clip: float = Field(gt=0)
    visitors_at_once: int = Field(gt=0, le=64)

    @property
    def of_a_file(self) -> reading.Limits:
        return reading.Limits(
            round(self.megapixels * 1e6), self.clip_seconds, self.seconds_per_clip
        )


def read(server_mb: int) -> PageLimits:
    """The limits in force, where the server itself takes files of up to `server_mb`.

    Raises UserError, naming file and key, where they cannot be read or make no sense.
    """
    path = Path(os.environ.get("DEEPFAKE_LIMITS", FILE))
    try:
        found = PageLimits(**tomllib.loads(path.read_text()))
    except OSError as error:
        raise UserError(
            f"{path.name}: {error.strerror}", "DEEPFAKE_LIMITS names a file like app/limits.toml"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path.name}: no TOML file: {error}", "app/limits.toml shows how it is written"
        ) from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise UserError(f"{path.name}: {problems}", "app/limits.toml explains its keys") from error
    if found.upload_mb > server_mb:
        raise UserError(
            f"{path.name}: upload_mb is {found.upload_mb}, but the server takes {server_mb} MB",
            f"start it with --server.maxUploadSize {found.upload_mb}",
        )
    return found
