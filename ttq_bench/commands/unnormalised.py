"""What a plan says of networks whose first quantized weights keep them from learning."""

import warnings
from collections.abc import Iterator

from ttq_bench.errors import QuantizationWarning
from ttq_bench.models.catalog import MODELS
from ttq_bench.suite.schema import Suite
from ttq_bench.ternary.methods import METHODS


def size_warnings(suite: Suite) -> Iterator[str]:
    """Yield a sentence for each model of the suite, with the methods that it is about.

    The models are built and converted only where their card says that it may be so: it needs torch.
    """
    conversion = suite.conversion
    methods = [name for name in suite.methods if _starts_at_one(name, conversion.initial_scales)]
    for model in suite.models:
        if not methods or (MODELS[model].is_normalised and conversion.keep_last):
            continue
        from ttq_bench.models.build import build_model
        from ttq_bench.ternary.conversion import PAPER_STRATEGY, quantize_

        told: dict[str, list[str]] = {}
        for method in methods:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", QuantizationWarning)
                strategy = next(iter(suite.delta_strategies), PAPER_STRATEGY)
                built = build_model(model, classes=MODELS[model].classes, seed=0)
                quantize_(built, method, strategy, **conversion.model_dump())
            for warning in caught:
                sentence = str(warning.message).removeprefix("quantize_: ")
                told.setdefault(sentence, []).append(method)
        for sentence, names in told.items():
            yield f"warning: {model}, {', '.join(names)}: {sentence}"


def _starts_at_one(method: str, initial_scales: str) -> bool:
    scales = METHODS[method].scales if METHODS[method].is_quantized else "unquantized"
    return scales == "ones" or (scales.startswith("learned") and initial_scales == "ones")
