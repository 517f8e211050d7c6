"""The base class of typed values: settings in params.yaml and what travels in an exported model."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A pydantic model that is immutable and refuses unknown names, infinity and NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
