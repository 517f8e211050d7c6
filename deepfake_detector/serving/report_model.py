"""The report on one image or video as JSON has it: what each field means and how it is filled.

The published schema is generated from these models:

    python -m deepfake_detector.serving.report_model > docs/report.schema.json

A new output is a field of a model here and a line in the `of` below it.
"""

import json
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import AfterValidator, Field
from pydantic.json_schema import GenerateJsonSchema

from deepfake_detector.common.settings import Fraction, Sha256, StrictModel
from deepfake_detector.common.verdicts import Decided, FileVerdict, Verdict
from deepfake_detector.contract import Contract
from deepfake_detector.media.probing import MediaKind
from deepfake_detector.media.variants import VARIANTS, VariantName
from deepfake_detector.scoring.decision import Validation
from deepfake_detector.scoring.firmness import Firmness, Outcome
from deepfake_detector.scoring.quality import WITHOUT_LIMIT, Limits, Measure
from deepfake_detector.scoring.scores import with_details
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.sentences import LIMITS, firmness_in_words, verdict_in_words


def _decimals(count: int) -> AfterValidator:
    return AfterValidator(lambda value: round(value, count))


Format = Literal["deepfake-detector-report/2"]
(FORMAT,) = get_args(Format)
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
RoundedFraction = Annotated[Fraction, _decimals(6)]
Rounded = Annotated[float, _decimals(3)]
Seconds = Annotated[float, Field(ge=0), _decimals(3)]
Pixels = Annotated[float, _decimals(1)]


class FileFacts(StrictModel):
    """What is known of the file before it is judged; null where it is not known."""

    bytes: Count | None = Field(description="size of the file in bytes")
    container: str | None = Field(description="container format, as FFmpeg or Pillow names it")
    codec: str | None = Field(description="codec of the pictures, as FFmpeg or Pillow names it")
    width: Count | None = Field(description="in pixels, of the upright frame")
    height: Count | None = Field(description="in pixels, of the upright frame")
    rotation: Count | None = Field(
        description="degrees clockwise that the stored picture was turned by to be upright"
    )
    duration: Rounded | None = Field(description="in seconds; video only")
    frame_rate: Rounded | None = Field(description="average frames per second; video only")
    variable_rate: bool | None = Field(
        description="whether the time between frames varies; video only"
    )
    frames_declared: int | None = Field(
        description="number of frames by the file's header, which may be wrong; video only"
    )
    frames_found: Count | None = Field(
        description="number of frames that are in the file; 1 for an image"
    )
    bitrate: Rounded | None = Field(
        description="average bits per second of the pictures; video only"
    )
    jpeg_quality: Rounded | None = Field(
        description="1 to 100, estimated from the quantization table; JPEG only"
    )
    mirrored: bool | None = Field(
        description="whether it was flipped left to right before it was turned"
    )
    pixel_aspect: Rounded | None = Field(
        description="width of a stored pixel over its height; the picture was stretched by it"
    )
    pixel_format: str | None = Field(description="pixel format, as FFmpeg or Pillow names it")
    colour_matrix: str | None = Field(
        description="matrix of the colours; unknown where it cannot be used, empty where none is declared; video only"
    )
    colour_range: str | None = Field(
        description="full or limited; empty where it is not declared; video only"
    )
    transfer: str | None = Field(
        description="transfer characteristic: pq and hlg are HDR, mapped to BT.709; empty where not declared; images: these only"
    )
    colour_profile: str | None = Field(
        description="name of the ICC profile from which the colours were converted to sRGB; image only"
    )
    transparent: bool | None = Field(
        description="whether something behind the picture would be seen; it was laid on white; image only"
    )
    used_bits: Count | None = Field(
        description="bits of each value that a still of more than 8 makes use of; they were scaled to 8"
    )
    page: Count | None = Field(description="which page of a still was read, from 1: the largest")
    segments: Count | None = Field(
        description="how often the times start: 1, or more where recordings were joined; video only"
    )
    encoder: str | None = Field(
        description="what wrote the file by its own word; empty where it does not say; video only"
    )
    interlaced: bool | None = Field(description="whether a frame is two fields; video only")
    frames_distrusted: Count | None = Field(
        description="frames looked at that follow damaged data, and may be distorted; video only"
    )

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Self:
        """The facts of a report; those that it lacks are null."""
        return cls(**dict.fromkeys(cls.model_fields) | facts)


class InputFile(StrictModel):
    """The file that was judged."""

    name: str = Field(description="path as it was given, or name of the upload")
    sha256: Sha256 | None = Field(
        description="SHA-256 of the content; null where the file cannot be read"
    )
    kind: MediaKind | None = Field(
        description="judged by the content; null where the file cannot be read"
    )
    facts: FileFacts = Field(description="what is known of the file before it is judged")

    @classmethod
    def of(cls, report: Report) -> Self:
        """The input of a report."""
        return cls(
            name=report.input,
            sha256=report.sha256,
            kind=report.kind,
            facts=FileFacts.of(report.facts),
        )


class AtThisScore(StrictModel):
    """How many validation clips scored like this input."""

    real_clips: Count = Field(description="number of real validation clips")
    fraction_of_reals_as_high: RoundedFraction | None = Field(
        description="fraction of them that scored as high or higher, 0 to 1; null where there are none"
    )
    fake_clips: Count = Field(description="number of fake validation clips")
    fraction_of_fakes_as_low: RoundedFraction | None = Field(
        description="fraction of them that scored as low or lower, 0 to 1; null where there are none"
    )

    @classmethod
    def of(cls, fake_probability: float, validation: Validation) -> Self:
        """The validation clips of a model beside this probability of fake."""
        return cls(
            real_clips=validation.real_clips,
            fraction_of_reals_as_high=validation.reals_as_high(fake_probability),
            fake_clips=validation.fake_clips,
            fraction_of_fakes_as_low=validation.fakes_as_low(fake_probability),
        )


class PersonFrame(StrictModel):
    """One person's face in one frame."""

    frame: Count = Field(description="number of the frame in the clip, from 0; 0 for an image")
    time: Rounded = Field(description="seconds from the clip's first frame; 0 for an image")
    box: tuple[Pixels, Pixels, Pixels, Pixels] = Field(
        description="left, top, width, height of the face, in pixels of the upright frame"
    )
    fake_probability: RoundedFraction = Field(
        description="probability of fake of this face alone, 0 to 1, calibrated"
    )

    @classmethod
    def of(cls, face: FaceFrame) -> Self:
        """One judged face."""
        return cls(
            frame=face.frame, time=face.time, box=face.box, fake_probability=face.fake_probability
        )


class FaceQuality(StrictModel):
    """A measure of how much of a face is left in its pixels, and what the model was checked on."""

    measure: Measure = Field(description="its name; docs/predict.md says what each is")
    value: float = Field(description="median over all frames of this person")
    least: float | None = Field(
        description="below it the person is not judged; null where there is no such limit"
    )
    most: float | None = Field(
        description="above it the person is not judged; null where there is no such limit"
    )

    @classmethod
    def of(cls, measure: Measure, value: float, limits: Limits) -> Self:
        """One measure with the limits of the model; a measure without limits has none."""
        limit = limits.get(measure, WITHOUT_LIMIT)
        return cls(measure=measure, value=value, least=limit.least, most=limit.most)


class Person(StrictModel):
    """One person, followed through the clip."""

    person: Number = Field(description="number of the person, from 1")
    verdict: Verdict = Field(description="on this person alone")
    reason: str = Field(description="why the verdict is INCONCLUSIVE; else empty")
    fake_probability: RoundedFraction = Field(
        description="probability of fake over all frames, 0 to 1, calibrated; given without a verdict, too"
    )
    frames: tuple[PersonFrame, ...] = Field(
        min_length=1, description="every face of this person that was judged, in order of time"
    )
    quality: tuple[FaceQuality, ...] = Field(
        description="how much of the face is left in its pixels, by measure"
    )

    @classmethod
    def of(cls, track: FaceTrack, limits: Limits) -> Self:
        """One judged track; `limits` are those of face quality of the model."""
        return cls(
            person=track.person,
            verdict=track.verdict,
            reason=with_details(track.reason, track.details),
            fake_probability=track.fake_probability,
            frames=tuple(PersonFrame.of(face) for face in track.frames),
            quality=tuple(
                FaceQuality.of(name, value, limits) for name, value in track.quality.items()
            ),
        )


class ChangedCopy(StrictModel):
    """What one changed copy of the file came to."""

    variant: VariantName = Field(
        description="how it was made: " + "; ".join(f"{one.name}: {one.words}" for one in VARIANTS)
    )
    verdict: FileVerdict = Field(
        description="on the copy; ERROR where it could not be made or judged, which tells nothing"
    )
    reason: str = Field(description="why the verdict is INCONCLUSIVE or ERROR; else empty")
    fake_probability: RoundedFraction | None = Field(
        description="probability of fake, 0 to 1, calibrated; null where nothing can be judged"
    )

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """One changed copy."""
        return cls(
            variant=cast(VariantName, outcome.variant),
            verdict=outcome.verdict,
            reason=outcome.reason,
            fake_probability=outcome.fake_probability,
        )


class StressTest(StrictModel):
    """The verdict tested on changed copies of the file."""

    verdict: Decided = Field(description="on the file itself, before the test")
    turned_by: VariantName | None = Field(
        description="the mildest copy with another verdict, INCONCLUSIVE too; null where there is none"
    )
    copies: tuple[ChangedCopy, ...] = Field(
        description="the mildest first; where the first that was judged has another verdict, that on the file is INCONCLUSIVE"
    )

    @classmethod
    def of(cls, firmness: Firmness) -> Self:
        """The outcomes of all changed copies."""
        turned = firmness.turned_by
        return cls(
            verdict=firmness.verdict,
            turned_by=cast(VariantName, turned.variant) if turned else None,
            copies=tuple(ChangedCopy.of(outcome) for outcome in firmness.outcomes),
        )


class JudgedBy(StrictModel):
    """The exported model, and how it decides."""

    sha256: Sha256 = Field(description="SHA-256 of the model file")
    network: str = Field(description="the network, as torchvision names it")
    variant: str = Field(description="the file's number format, such as fp32 or int8")
    demonstration: bool = Field(
        description="whether it has seen drawn people only, and so judges the demo's files alone"
    )
    unproven: str = Field(
        description="why its validation does not show that it tells real from fake, so that it judges nothing; else empty"
    )
    trained_on: dict[str, dict[str, Count]] = Field(
        description="number of training items by data set and method (real ones: real)"
    )
    split: str = Field(description="how the data were split into training, validation and test")
    face_detector: str = Field(description="the detector that finds the faces")
    temperature: float = Field(
        gt=0, description="divides the logits, which calibrates the probabilities"
    )
    threshold: Fraction = Field(
        description="probability of fake, 0 to 1, that the inconclusive band lies around"
    )
    band_low: Fraction = Field(
        description="REAL up to this probability of fake, 0 to 1; never where it is 0"
    )
    band_high: Fraction = Field(
        description="FAKE from this probability of fake, 0 to 1, where one person is judged; never where it is 1"
    )

    @classmethod
    def of(cls, terms: Contract, sha256: str) -> Self:
        """The contract of the model file with this SHA-256."""
        return cls(
            sha256=sha256,
            network=terms.network,
            variant=terms.variant,
            demonstration=terms.trained_on.demonstration,
            unproven=terms.decision.unproven,
            trained_on=terms.trained_on.data_sets,
            split=terms.trained_on.split,
            face_detector=terms.detection.name,
            temperature=terms.decision.temperature,
            threshold=terms.decision.threshold,
            band_low=terms.decision.band_low,
            band_high=terms.decision.band_high,
        )


class JsonReport(StrictModel, title="Report of the deepfake detector on one image or video"):
    """What `predict --json` writes (a list of these), and the page and the API give."""

    format: Format = Field(alias="schema", description="name and version of this schema")
    input: InputFile = Field(description="the file that was judged")
    verdict: FileVerdict = Field(description="on the whole file")
    reason: str = Field(description="why the verdict is INCONCLUSIVE or ERROR; else empty")
    in_words: str = Field(description="the verdict and its reason, for a person to read")
    fake_probability: RoundedFraction | None = Field(
        description="probability of fake, 0 to 1, calibrated; null where nothing can be judged"
    )
    decided_by: Number | None = Field(
        description="number of the person whose score decided; null where nobody's did"
    )
    people_judged: Count = Field(
        description="number of people seen often enough to be judged; 0 where nobody was"
    )
    fake_from: Fraction = Field(
        description="FAKE from this probability of fake: model.band_high for one person, more for the highest of several"
    )
    at_this_score: AtThisScore | None = Field(
        description="how many validation clips scored like this; null without a probability"
    )
    frames_sampled: Count = Field(description="number of frames that were looked at")
    frames_with_face: Count = Field(description="number of them with a face that was judged")
    least_face: Pixels | None = Field(
        description="side in pixels of the smallest face that could be found in every frame; null where none was looked for"
    )
    firmness: str = Field(
        description="whether the verdict is the same on changed copies of the file, and how often such "
        "verdicts were wrong, or that it was not tested, in words"
    )
    stress: StressTest | None = Field(
        description="what changed copies of the file came to; null where the verdict was not tested"
    )
    people: tuple[Person, ...] = Field(description="everybody whose face was judged")
    model: JudgedBy = Field(description="the exported model that judged")
    warnings: tuple[str, ...] = Field(description="why the verdict may mislead, in words")
    notes: tuple[str, ...] = Field(
        description="what was done to the pictures before they were looked at, in words"
    )
    limits: tuple[str, ...] = Field(description="what the detector cannot do, in words")
    seconds: Seconds = Field(description="time that judging took, in seconds")
    error: str | None = Field(description="what was wrong with the file; null where nothing was")

    @classmethod
    def of(cls, report: Report, terms: Contract, model_sha256: str) -> Self:
        """The report of the model with these `terms` and this SHA-256."""
        probability, decided_by = report.fake_probability, report.decided_by
        return cls(
            schema=FORMAT,
            input=InputFile.of(report),
            verdict=report.verdict,
            reason=with_details(report.reason, report.details),
            in_words=verdict_in_words(report),
            fake_probability=probability,
            decided_by=None if decided_by is None else decided_by + 1,
            people_judged=report.people,
            fake_from=terms.decision.fake_from(report.people),
            at_this_score=None
            if probability is None
            else AtThisScore.of(probability, terms.decision.validation),
            frames_sampled=report.frames_sampled,
            frames_with_face=report.frames_with_face,
            least_face=report.least_face,
            firmness=firmness_in_words(report, terms.firmness),
            stress=StressTest.of(report.firmness) if report.firmness else None,
            people=tuple(Person.of(track, terms.quality) for track in report.faces),
            model=JudgedBy.of(terms, model_sha256),
            warnings=report.warnings,
            notes=report.notes,
            limits=LIMITS,
            seconds=report.seconds,
            error=report.error,
        )


def as_json(report: Report, terms: Contract, model_sha256: str) -> dict[str, Any]:
    """The report as plain values, valid by the published schema."""
    return JsonReport.of(report, terms, model_sha256).model_dump(mode="json", by_alias=True)


class _WithoutFieldTitles(GenerateJsonSchema):
    """Pydantic repeats every field's name as its title."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def published_schema() -> str:
    """The text of docs/report.schema.json; properties in the order they are declared."""
    schema = JsonReport.model_json_schema(
        mode="serialization", schema_generator=_WithoutFieldTitles
    )
    dialect = {"$schema": GenerateJsonSchema.schema_dialect}
    return json.dumps(dialect | schema, indent=2) + "\n"


if __name__ == "__main__":
    print(published_schema(), end="")
