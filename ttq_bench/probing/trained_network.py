"""What a finished trial left: its record, and the network with its final weights."""

from dataclasses import dataclass

from torch import nn

from ttq_bench.errors import ResultsError
from ttq_bench.export.published import load_converted_
from ttq_bench.models.build import build_model
from ttq_bench.models.state import load_weights
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.weights import weights_path
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import set_epoch_
from ttq_bench.ternary.methods import METHODS
from ttq_bench.training.checkpoints import load_state
from ttq_bench.trial.inputs import convert_


@dataclass(frozen=True, slots=True)
class RecordedTrial:
    """A trial that has its record, and where its files are."""

    spec: TrialSpec
    record: TrialRecord
    paths: TrialPaths

    @property
    def learned_pairs(self) -> bool:
        """Whether it finished, and each of its quantized layers has two learned scales."""
        quantization = self.spec.quantization
        if quantization is None or self.record.outcome != "finished":
            return False
        method = METHODS.get(quantization.method)
        return method is not None and method.scales == "learned_pair"


def recorded_spec(record: TrialRecord, paths: TrialPaths) -> TrialSpec:
    """Return the spec that a record holds; ``ResultsError`` if this version does not know it."""
    try:
        return record.trial_spec
    except ValueError as error:
        raise ResultsError(
            f"{paths.record}: its spec is one of another version; train the trial again"
        ) from error


def trained_model(spec: TrialSpec, paths: TrialPaths, classes: int) -> nn.Module:
    """Return the network of a trial with its final weights, converted, in evaluation mode.

    It is on the host. Its latent weights are those of training where ``work/`` still has them; from
    the published network they are +1, 0 and -1, which give the same codes. Raises ``TtqBenchError``
    for weights that are missing, damaged, or not those of such a network.
    """
    weights = weights_path(paths)
    state = load_state(weights)
    model_state = state.get("model") if state else None
    model = build_model(spec.model, classes=classes, seed=0)
    convert_(model, spec)
    set_epoch_(model, spec.recipe.epochs)
    if isinstance(model_state, dict):
        load_weights(model, model_state, source=str(weights))
    elif paths.network.exists():
        load_converted_(model, paths.network)
    else:
        raise ResultsError(
            f"{paths.network}: no such file, and {weights} is missing or damaged, too; copy the"
            " network from where the record came from, or run the suite with another --results"
        )
    return model.eval()
