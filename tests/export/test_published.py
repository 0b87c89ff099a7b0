"""Networks taken up from what was published, in place of the weights that training left."""

import shutil

import pytest
import torch

from tests.export.conftest import network
from tests.shared_cache import own_cache  # noqa: F401 - fixture
from tests.tiny_suite import settings_for
from ttq_bench.errors import ResultsError, TtqBenchError
from ttq_bench.export.packed_file import packed_bytes
from ttq_bench.export.published import load_converted_, publish_network
from ttq_bench.files import publish_once
from ttq_bench.models.build import build_model
from ttq_bench.probing.trained_network import trained_model
from ttq_bench.records.networks import read_network
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import has_weights, weights_digest
from ttq_bench.ternary.conversion import quantized_layers
from ttq_bench.ternary.methods import METHODS
from ttq_bench.trial.inputs import convert_
from ttq_bench.trial.run import run_trial

QUANTIZED = sorted(name for name, method in METHODS.items() if method.is_quantized)


def published(tmp_path, *, method="ttq", granularity="published"):
    model, spec = network(method, granularity)
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    publish_network(publish_once, paths, model, spec, weights_sha256="ab")
    return model, spec, paths


@pytest.mark.parametrize("granularity", ["layer", "channel"])
@pytest.mark.parametrize("method", QUANTIZED)
def test_a_converted_network_computes_what_the_trained_one_does(tmp_path, method, granularity):
    trained, spec, paths = published(tmp_path, method=method, granularity=granularity)
    images = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))

    model = build_model(spec.model, classes=10, seed=5).eval()
    convert_(model, spec)
    load_converted_(model, paths.network)

    for (_, own), (_, layer) in zip(
        quantized_layers(model), quantized_layers(trained), strict=True
    ):
        # A scale that is a mean of magnitudes is one of equal ones here: it differs by rounding.
        torch.testing.assert_close(own.weight, layer.weight, rtol=1e-6, atol=0)
    torch.testing.assert_close(model(images), trained(images), rtol=1e-4, atol=1e-5)


def test_codes_that_do_not_follow_are_refused(tmp_path):
    _, spec, paths = published(tmp_path)
    model = build_model(spec.model, classes=10, seed=5)
    other = spec.quantization.model_copy(update={"method": "bwn", "strategy": None})
    convert_(model, spec.model_copy(update={"quantization": other}))

    with pytest.raises(ResultsError, match="its codes do not follow"):
        load_converted_(model, paths.network)


def test_a_network_of_another_kind_is_refused(tmp_path):
    _, _, paths = published(tmp_path)

    with pytest.raises(TtqBenchError, match="weights do not fit the model"):
        load_converted_(build_model("lenet5", classes=10, seed=0), paths.network)


def without_work(results, tmp_path):
    """Return what travels: the folder without ``work/``."""
    there = tmp_path / "elsewhere"
    shutil.copytree(results.root, there, ignore=shutil.ignore_patterns("work"))
    return ResultsPaths(there)


def test_the_network_of_a_trial_gives_the_logits_of_its_weights(trained_pair, tmp_path):
    results, _, child = trained_pair
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(images, size=(28, 28))
    here, there = (r.trial(child.trial_id) for r in (results, without_work(results, tmp_path)))

    logits = [trained_model(child, paths, 10)(images) for paths in (here, there)]

    assert torch.equal(*logits)
    assert weights_digest(here) == weights_digest(there)


def test_a_network_of_a_record_that_was_deleted_makes_way_for_that_of_the_next_one(
    trained_pair, cache, tmp_path
):
    results, _, child = trained_pair
    there = ResultsPaths(shutil.copytree(results.root, tmp_path / "results"))
    paths = there.trial(child.trial_id)
    own = read_network(paths.network).weights_sha256

    def train_again():
        shutil.rmtree(paths.folder)
        shutil.rmtree(paths.work)
        assert run_trial(child, settings_for(there.root, cache), lambda: False) == "finished"

    train_again()
    assert not paths.replaced.exists()  # the same weights

    paths.network.write_bytes(packed_bytes(*network(), {"weights_sha256": "ab"}))
    other = paths.network.read_bytes()
    train_again()
    assert read_network(paths.network).weights_sha256 == own
    assert (paths.replaced / "1/networks" / paths.network.name).read_bytes() == other


def test_a_parent_that_is_published_is_not_trained_again(trained_pair, cache, tmp_path):
    results, parent, child = trained_pair
    there = without_work(results, tmp_path)
    shutil.rmtree(there.trial(child.trial_id).folder)
    there.trial(child.trial_id).network.unlink()

    assert has_weights(there.trial(parent.trial_id))
    assert run_trial(child, settings_for(there.root, cache), lambda: False) == "finished"

    first, second = (read_record(r.trial(child.trial_id).record) for r in (results, there))
    assert first.start == second.start
    assert first.table_sha256["scales.parquet"] == second.table_sha256["scales.parquet"]
    networks = [r.trial(child.trial_id).network for r in (results, there)]
    assert has_weights(there.trial(child.trial_id))
    assert weights_digest(results.trial(child.trial_id)) == weights_digest(
        there.trial(child.trial_id)
    )
    assert networks[0].stat().st_size == networks[1].stat().st_size
