"""Where what is done here is known to differ from the paper or from the released code.

One row a topic. What stands under *here* is read off ``PROTOCOLS`` where a protocol fixes it; what
no recipe holds is said in words, with the file that does it. To add one: add a row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ttq_bench.report.sections.markdown import table
from ttq_bench.suite.protocols import PROTOCOLS, Protocol

HEADER = ("what", "the paper", "the released code", "here")
ON_CIFAR = {name: fixed for name, fixed in PROTOCOLS.items() if name != "alexnet"}
UNSTATED = "not stated"


@dataclass(frozen=True, slots=True)
class Deviation:
    """``here`` is read off each protocol, or the same words for all of them."""

    what: str
    paper: str
    released: str
    here: Callable[[Protocol], str] | str


def _rate(protocol: Protocol) -> str:
    warmup = protocol.fine_tuned.warmup_epochs
    return f"{protocol.fine_tuned.learning_rate:g}, warm-up of {warmup:g} epochs"


DEVIATIONS = (
    Deviation(
        "input", UNSTATED, "the mean of each pixel subtracted, then x / 128 - 1",
        "mean and deviation of each channel (`data/batches.py`)",
    ),
    Deviation(
        "images trained on", UNSTATED, "50,000; the test set read after every epoch",
        "45,000; 5,000 held out for validation",
    ),
    Deviation(
        "images that batch normalisation sees", "the batch", "128: two towers of half the batch",
        lambda p: str(p.fine_tuned.batch_size // p.fine_tuned.micro_batches),
    ),
    Deviation(
        "rate in the first epoch of fine-tuning", UNSTATED, "0.0002, then 0.1", _rate,
    ),
    Deviation(
        "epochs, full precision + fine-tuning", UNSTATED,
        "400 + 400 of two passes each",
        lambda p: f"{p.full_precision.epochs} + {p.fine_tuned.epochs} of one pass",
    ),
    Deviation(
        "weight decay in fine-tuning", "2e-4 (recalled)", "2e-4",
        lambda p: f"{p.fine_tuned.weight_decay:g}",
    ),
    Deviation(
        "weight decay on W_p and W_n", UNSTATED, "yes (CIFAR-10)",
        lambda p: "yes" if p.fine_tuned.decay_scales else "no",
    ),
    Deviation(
        "initial weights of the dense layer", UNSTATED, "its library's default",
        "He's normal draw; in pre-activation networks torch's default",
    ),
    Deviation(
        "initial scales", "not found", "1.0", lambda p: p.conversion.initial_scales,
    ),
    Deviation(
        "latent weights divided by their maximum", "yes", "no",
        lambda p: "yes" if p.conversion.normalise_latent == "max" else "no",
    ),
    Deviation(
        "that maximum in the backward pass", UNSTATED, "–", "a constant (`ternary/quantizers.py`)",
    ),
    Deviation(
        "last layer", "full precision", "ternary",
        lambda p: "full precision" if p.conversion.keep_last else "ternary",
    ),
    Deviation(
        "arithmetic of training and of evaluation", UNSTATED, "fp32",
        lambda p: p.fine_tuned.precision,
    ),
    Deviation(
        "reported error", "moving average (recalled)", "the log of every epoch",
        "last epoch; the others beside it",
    ),
)  # fmt: skip
# Of protocol ``alexnet``, where the rows above do not say it; for the paper none of them is stated.
ON_IMAGENET = (
    ("images trained on", "1,281,167", "10,000 fewer, held out for validation"),
    ("mean subtracted", "of each pixel", "of each channel"),
    ("weight decay", "5e-6 on dense layers and their scales", "5e-6 on dense layers alone"),
    ("arithmetic", "fp32", PROTOCOLS["alexnet"].fine_tuned.precision),
    ("threshold", "0.049", "0.05, the paper's"),
)


def deviations_section() -> Iterator[str]:
    """Yield the table; protocols that agree share one entry under *here*."""
    yield "## Declared deviations"
    yield ""
    yield "Protocol `short` is as `modern` but for its epochs, its warm-up and Nesterov's momentum."
    yield "Protocol `mnist` is farther from the paper: LeNet-5 without batch normalisation, images"
    yield "not augmented, fine-tuned by Adam at 0.001 without weight decay, from scales of least"
    yield "squares."
    yield ""
    yield from table(HEADER, [(d.what, d.paper, d.released, _here(d)) for d in DEVIATIONS])
    yield "On ImageNet, by protocol `alexnet` (that of the paper's ResNet-18B is not known):"
    yield ""
    yield from table(("what", *HEADER[2:]), ON_IMAGENET)


def _here(deviation: Deviation) -> str:
    if isinstance(deviation.here, str):
        return deviation.here
    names: dict[str, list[str]] = {}
    for name, protocol in ON_CIFAR.items():
        names.setdefault(deviation.here(protocol), []).append(f"`{name}`")
    if len(names) == 1:
        return next(iter(names))
    return "; ".join(f"{words} ({', '.join(who)})" for words, who in names.items())
