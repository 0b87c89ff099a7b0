"""Trials of two ranks without Ray: each step saved or stopped, and what goes wrong on one alone."""

import itertools
from dataclasses import replace

import pytest
import torch

from tests.tiny_suite import settings_for, tiny_document
from tests.together import together
from tests.trial.same_trial import rows
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.ranks import Ranks, RanksDifferError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import weights_path
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import parse_suite
from ttq_bench.training.checkpoints import load_state
from ttq_bench.trial import epochs, rank_followers
from ttq_bench.trial.run import run_trial


def specs_of(cache):
    """Return a parent and TTQ, of two parts a batch."""
    document = tiny_document(delta_strategies=[{"constant_sparsity": 0.5}])
    for recipe in document["training"].values():
        recipe |= {"micro_batches": 2, "batch_size": 128}  # every step is saved: not too many
    identity = identify(find_source("digits", cache), cache)
    return expand(parse_suite(document, "", "tiny"), {"digits": identity}, "tiny")


def trained(rank, count, results, cache, looks):
    """Train both trials as one of the ranks, each attempt ended after so many looks of rank 0.

    Every step is saved. Returns how many attempts there were.
    """
    epochs.LOOK_SECONDS = epochs.LOSS_SECONDS = 0.0
    settings = replace(settings_for(results, cache), checkpoint_seconds=0.0, ranks=count, rank=rank)
    attempts = 0
    for spec in specs_of(cache):
        done = ResultsPaths(results).trial(spec.trial_id).record
        while not done.exists():
            attempts += 1
            looked = itertools.count(1)
            if rank == 0:
                run_trial(spec, settings, lambda seen=looked: next(seen) == looks)
            else:
                rank_followers.follow(spec, settings, Ranks(rank, count))
            if count > 1:
                torch.distributed.barrier()
    return attempts


@pytest.fixture(scope="module")
def alone(tmp_path_factory, cache):
    results = tmp_path_factory.mktemp("alone") / "results"
    trained(0, 1, results, cache, looks=0)
    return results


@pytest.mark.slow
@pytest.mark.parametrize("looks", [0, 9])  # never stopped; within epochs and their evaluations
def test_two_ranks_that_are_stopped_again_and_again_end_like_one(alone, cache, tmp_path, looks):
    attempts = together(tmp_path, trained, tmp_path / "results", cache, looks)
    assert attempts[0] == attempts[1]
    assert attempts[0] > 5 if looks else attempts[0] == 2
    for spec in specs_of(cache):
        paths, expected = (
            ResultsPaths(root).trial(spec.trial_id) for root in (tmp_path / "results", alone)
        )
        weights, wanted = (load_state(weights_path(one))["model"] for one in (paths, expected))
        torch.testing.assert_close(weights, wanted, rtol=0, atol=0)
        found, other = rows(paths, "epochs.parquet"), rows(expected, "epochs.parquet")
        assert [row["train_loss"] for row in found] == [row["train_loss"] for row in other]
        assert [row["test_error_percent"] for row in found] == [
            row["test_error_percent"] for row in other
        ]
        taken_up = [one["after_steps"] for one in read_record(paths.record).run["attempts"]]
        assert any(taken_up) is bool(looks)


def differing(rank, count):
    """Return what each rank says when images, or codes alone, are not those of the other."""
    ranks, told = Ranks(rank, count), []
    for check in (
        lambda: rank_followers.check_images(ranks, Images("0" * 63 + str(rank))),
        lambda: ranks.check_equal(shared_with_other_codes(rank)),
    ):
        try:
            check()
        except RanksDifferError as error:
            told.append(str(error))
    return told


class Images:
    """As much of an image set as is compared."""

    def __init__(self, digest):
        self.pixels_sha256 = digest


def shared_with_other_codes(rank):
    """Return the shared state of a network whose threshold is another one on rank 1."""
    from tests.training.conftest import small_network
    from ttq_bench.ternary.conversion import quantize_, quantized_layers, quantizer_of
    from ttq_bench.ternary.strategies import DeltaStrategy

    model = quantize_(small_network(0), "ttq", DeltaStrategy("max_fraction", 0.3))
    for _, layer in quantized_layers(model):
        quantizer_of(layer).number += 0.1 * rank
    return rank_followers.shared_state(model)


@pytest.mark.slow
def test_ranks_with_other_pixels_or_codes_all_say_so(tmp_path):
    first, second = together(tmp_path, differing)
    assert first == [
        "ranks 0 and 1 hold different values of 'decoded images'",
        "ranks 0 and 1 hold different values of '3: codes'",
    ]
    assert len(second) == 2
