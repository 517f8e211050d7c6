"""Settings of `train`: the recipe, how strongly training crops are augmented, and how it runs."""

from typing import Literal, get_args

from pydantic import Field, model_validator

from deepfake_detector.common.settings import Fraction, Sha256, StrictModel

Network = Literal["resnet18", "resnet34", "resnet50", "efficientnet_b0"]


class Augment(StrictModel):
    """Strengths of the augmentation; 0 switches an operation off."""

    flip: Fraction = Field(0.5, description="probability of a mirrored face")
    shift: float = Field(0.05, ge=0, le=0.3, description="largest shift, as a fraction of the side")
    scale: float = Field(0.1, ge=0, le=0.5, description="largest change of size")
    rotate: float = Field(8.0, ge=0, le=45, description="largest rotation, degrees")
    colour: Fraction = Field(
        0.2, description="largest change of brightness, contrast and saturation"
    )
    blur: Fraction = Field(0.1, description="probability of a Gaussian blur")
    downscale: Fraction = Field(0.1, description="probability of a smaller picture, enlarged again")
    jpeg: Fraction = Field(0.3, description="probability of JPEG compression, quality 30..100")
    blocks: Fraction = Field(0.3, description="probability of coarse blocks, as H.264 leaves them")
    noise: Fraction = Field(0.05, description="probability of Gaussian noise")
    erase: Fraction = Field(
        0.1, description="probability of a covered rectangle, 2 to 15 % of the area"
    )
    denoise: Fraction = Field(0.0, description="probability of noise taken away, as phones do")
    sharpen: Fraction = Field(0.0, description="probability of sharpened greys, as phones do")
    h264: Fraction = Field(0.0, description="probability of H.264, a frame by itself, CRF 23..40")
    thumbnail: Fraction = Field(
        0.0, description="probability of a thumbnail, enlarged again, each by one of five kernels"
    )
    webp: Fraction = Field(0.0, description="probability of WebP compression, quality 20..95")
    jpeg_twice: Fraction = Field(
        0.0, description="probability of two JPEG compressions on shifted grids, quality 40..95"
    )


class Runtime(StrictModel):
    """How training runs on this machine; what it learns does not depend on it."""

    loader_workers: int = Field(
        4,
        ge=0,
        le=256,
        description="processes that load and augment, for a GPU; 0: threads, faster on a CPU",
    )
    checkpoint_minutes: float = Field(
        10.0, gt=0, description="the state is saved this often, and after every epoch"
    )


class Train(StrictModel):
    """The recipe of a training run."""

    seed: int = Field(1, ge=0, lt=2**63, description="of weights, order and augmentation")
    network: Network = Field(
        "resnet18", description=f"of torchvision: {', '.join(get_args(Network))}"
    )
    init: str = Field(
        "imagenet",
        min_length=1,
        description="imagenet (`fetch-assets`), random, or a file of one's own weights, which DVC "
        "does not watch",
    )
    imagenet_sha256: Sha256 = Field(
        "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        description="of the network's ImageNet weights; `fetch-assets NETWORK` prints it",
    )
    input_size: int = Field(224, ge=32, le=1024, description="pixels a side fed to the network")
    epochs: int = Field(
        20,
        ge=0,
        le=10_000,
        description="passes over the training faces; 0: keep the weights of a file (init) as they are",
    )
    batch_size: int = Field(
        64, ge=2, le=65_536, description="faces per optimizer step, over all devices"
    )
    micro_batch_size: int = Field(
        64,
        ge=2,
        le=65_536,
        description="faces on a device at a time; gradients are accumulated over micro-batches",
    )
    optimizer: Literal["adamw", "sgd"] = Field(
        "adamw", description="adamw or sgd (Nesterov momentum 0.9)"
    )
    lr: float = Field(3e-4, gt=0, le=10, description="highest learning rate")
    weight_decay: float = Field(
        0.05, ge=0, le=1, description="of weights, not of biases and normalisation"
    )
    warmup: Fraction = Field(
        0.1, description="fraction of all steps with a linear warm-up; a half cosine to 0 follows"
    )
    label_smoothing: float = Field(0.05, ge=0, lt=0.5, description="from 0, below 0.5")
    clip: float = Field(1.0, ge=0, description="largest gradient norm; 0: no limit")
    ema: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="decay of the EMA of the weights, which is validated and kept; 0: no EMA",
    )
    patience: int = Field(
        0,
        ge=0,
        description="epochs without improvement after which training stops, once all layers learn; "
        "0: never",
    )
    unfreeze_every: int = Field(
        0,
        ge=0,
        description="epochs after which one more block of layers learns, from the head down; 0: all at once",
    )
    fakes: Literal["all", "none"] = Field(
        "all", description="all, or none: real and self-blended faces alone (self_blend 1.0)"
    )
    real_share: float = Field(
        0.5, gt=0, lt=1, description="fraction of the faces drawn that are real"
    )
    pairs: Fraction = Field(
        1.0,
        description="fraction of the fakes drawn beside a real face of their own source, one beside "
        "each real, as far as that leaves every face its weight",
    )
    self_blend: Fraction = Field(
        0.0,
        description="fraction of the fakes made from real faces on the fly (self-blended images)",
    )
    mask_loss: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="weight of the loss that teaches where self-blended faces were blended; 0: none",
    )
    arithmetic: Literal["portable", "fastest"] = Field(
        "fastest",
        description="fastest, or portable: CPU, fp32, AVX2 and 2 threads, for equal results elsewhere",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto, fp32, bf16 or fp16 (mixed); auto: what the device computes fast"
    )
    balance: Literal["label", "data_set", "method", "group"] = Field(
        "data_set",
        description="draw evenly from label (real, fake), data_set (and the fake methods in each), "
        "method (each fake one) or group (of sources)",
    )
    accelerator: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto, cpu or cuda")
    devices: int = Field(
        1, ge=1, le=1024, description="GPUs, or processes on a CPU, that train together"
    )
    augment: Augment = Field(Augment(), description="strengths; 0 switches one off")

    @model_validator(mode="after")
    def _portable_is_cpu_and_fp32(self) -> "Train":
        if self.arithmetic == "portable" and (
            self.accelerator == "cuda" or self.precision in ("bf16", "fp16")
        ):
            raise ValueError(
                "arithmetic: portable is that of a CPU in fp32, so accelerator must be auto or cpu "
                "and precision auto or fp32"
            )
        return self

    @model_validator(mode="after")
    def _weights_come_from_somewhere(self) -> "Train":
        if not self.epochs and self.init in ("imagenet", "random"):
            raise ValueError("epochs: 0 keeps the weights of init, which must then name a file")
        return self

    @model_validator(mode="after")
    def _devices_share_a_batch(self) -> "Train":
        if self.batch_size % self.devices:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of devices {self.devices}"
            )
        return self

    @model_validator(mode="after")
    def _fakes_come_from_somewhere(self) -> "Train":
        if self.fakes == "none" and self.self_blend < 1:
            raise ValueError(
                "fakes: none leaves only self-blended ones to learn from, so self_blend must be 1.0"
            )
        return self

    @model_validator(mode="after")
    def _masks_come_from_somewhere(self) -> "Train":
        if self.mask_loss and not self.self_blend:
            raise ValueError(
                "mask_loss learns from the masks of self-blended faces, so self_blend must be above 0"
            )
        return self
