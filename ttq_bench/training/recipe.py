"""The numbers of one training run, as written in a suite and as stored in a record. No torch."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LARGEST_BATCH = 65_536
# For images of many sizes, which are read from files batch by batch (``data/streaming/crops.py``).
STREAMED_AUGMENTATIONS = ("resized_crop_flip", "scaled_crop_flip")
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel):
    """How one network is trained, under a learning rate that changes by epoch.

    ``adam`` and ``adamw`` take ``momentum`` as their first beta; the second is 0.999. Their
    ``adam_epsilon`` is what is added to the divisor; the weight decay of ``adamw`` is apart from
    the gradient (Loshchilov and Hutter 2019). ``step`` multiplies the rate by ``decay_factor`` at
    each of ``decay_epochs``, or by one of ``decay_factors`` at each; ``cosine`` lowers it towards
    zero, which it would reach one step after the last. ``warmup_epochs`` raise it linearly from
    zero first; if they are no whole number of steps, their last one is above the full rate, once
    (``training/schedules.py``). ``decay_on: weights`` spares biases and batch normalisation,
    ``dense`` all but the weights of dense layers; ``decay_scales`` says whether weight decay acts
    on W_p and W_n. ``crop_flip`` is that of ``data/augmentation.py``; the others are for images of
    many sizes, see ``data/streaming/crops.py``. A batch is computed in as many equal parts as there
    are ``micro_batches``, each with batch statistics of its own: so many GPUs, or fewer one part
    after the other, compute the same step (``training/micro_batches.py``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=LARGEST_BATCH)] = 128
    micro_batches: Annotated[int, Field(ge=1, le=LARGEST_BATCH)] = 1
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: Positive = 0.1
    momentum: Share = 0.9
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-4
    adam_epsilon: Positive = 1e-8  # torch's own
    decay_on: Literal["all", "weights", "dense"] = "all"
    decay_scales: bool = False
    schedule: Literal["step", "cosine"] = "step"
    decay_epochs: tuple[int, ...] = ()
    decay_factor: Factor = 0.1
    decay_factors: tuple[Factor, ...] = ()
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Share = 0.0
    augmentation: Literal["crop_flip", "resized_crop_flip", "scaled_crop_flip", "none"] = (
        "crop_flip"
    )
    precision: Literal["bf16", "fp32"] = "bf16"

    @model_validator(mode="after")
    def check_micro_batches(self) -> Self:
        """Refuse parts of a batch that are not equal."""
        if self.batch_size % self.micro_batches:
            raise ValueError(
                f"micro_batches: {self.micro_batches} do not divide batch_size {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def check_schedule(self) -> Self:
        """Refuse decay epochs that are never reached, unordered, or have no effect."""
        if self.schedule == "cosine" and self.decay_epochs:
            raise ValueError("decay_epochs has no effect with the cosine schedule")
        if list(self.decay_epochs) != sorted(set(self.decay_epochs)):
            raise ValueError("decay_epochs must grow from one to the next")
        if (
            self.decay_epochs
            and not 0 < self.decay_epochs[0] <= self.decay_epochs[-1] < self.epochs
        ):
            raise ValueError(f"decay_epochs must lie between 1 and epochs - 1 = {self.epochs - 1}")
        if self.decay_factors and len(self.decay_factors) != len(self.decay_epochs):
            raise ValueError(
                f"decay_factors has {len(self.decay_factors)} values, one is needed for each of the"
                f" {len(self.decay_epochs)} decay_epochs"
            )
        if self.warmup_epochs >= self.epochs:
            raise ValueError("warmup_epochs must be fewer than epochs")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        if self.nesterov and self.optimizer != "sgd":
            raise ValueError(f"nesterov has no effect with {self.optimizer}")
        return self
