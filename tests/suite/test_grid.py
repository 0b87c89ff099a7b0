from dataclasses import replace

import pytest

from tests.suite.conftest import CARDS, trials_of
from ttq_bench.data.catalog import DATASETS, own_card
from ttq_bench.errors import SuiteError


def arms(trials):
    return sorted((t.model, t.seed, t.arm, t.strategy) for t in trials)


def test_a_grid_of_one_place_by_hand(small):
    small |= {"models": ["resnet20"], "seeds": [4]}
    assert arms(trials_of(small)) == [
        ("resnet20", 4, "full_precision", ""),
        ("resnet20", 4, "full_precision_continued", ""),
        ("resnet20", 4, "ttq", "constant_sparsity(0.5)"),
        ("resnet20", 4, "ttq", "max_fraction(0.05)"),
    ]


def test_the_control_that_is_trained_on_can_be_left_out(small):
    with_control = trials_of(small)
    without = trials_of(small | {"continue_full_precision": False})
    assert {t.arm for t in with_control} - {t.arm for t in without} == {"full_precision_continued"}
    assert len(with_control) - len(without) == 4


def test_without_ternary_methods_there_is_no_control_and_no_strategy_is_needed(small):
    trials = trials_of(small | {"methods": ["full_precision"], "delta_strategies": []})
    assert {trial.arm for trial in trials} == {"full_precision"}


def test_a_parent_is_trained_once_and_shared_by_all_its_children(small):
    trials = trials_of(small)
    parents = {t.trial_id: t for t in trials if t.parent is None}
    assert len(parents) == 4
    for child in (t for t in trials if t.parent is not None):
        parent = parents[child.parent]
        assert (child.model, child.seed, child.dataset) == (
            parent.model, parent.seed, parent.dataset
        )  # fmt: skip
    assert {t.parent for t in trials} - {None} == set(parents)


def test_a_method_brings_its_parent_even_when_full_precision_is_not_asked_for(small):
    assert "full_precision" in {t.arm for t in trials_of(small | {"methods": ["ttq"]})}


def test_parents_come_before_their_children(small):
    seen = set()
    for trial in trials_of(small):
        assert trial.parent is None or trial.parent in seen
        seen.add(trial.trial_id)


def test_parents_and_children_have_their_own_recipes(small):
    for trial in trials_of(small):
        assert trial.recipe.epochs == (8 if trial.parent is None else 3)


def test_trials_bear_the_name_and_fingerprint_of_the_images_that_are_there(small):
    card = replace(DATASETS["cifar10"], name="cifar10-jpeg-subset", fingerprint="sha256:7")
    for trial in trials_of(small, cards={"cifar10": card}):
        assert (trial.dataset, trial.data_fingerprint) == ("cifar10-jpeg-subset", "sha256:7")
        assert trial.trial_id.startswith("cifar10-jpeg-subset-resnet")


BIRDS = own_card("folder-birds", (3, 32, 32), 20, 900, 100, fingerprint="sha256:7")


def test_trials_on_a_folder_of_images_say_what_a_card_would(small):
    small["datasets"] = ["folder"]
    for trial in trials_of(small, cards={"folder": BIRDS}):
        assert (trial.dataset, trial.validation_count) == ("folder-birds", 90)
        assert trial.images.model_dump() == {
            "image_shape": (3, 32, 32), "classes": 20, "train_count": 900, "test_count": 100
        }  # fmt: skip


def test_images_of_a_folder_that_a_model_does_not_take_are_refused(small):
    small["datasets"] = ["folder"]
    other = replace(BIRDS, image_shape=(3, 64, 64))
    said = (
        r"^small\.yaml: models: 'resnet20' takes images of \(3, 32, 32\), all of folder-birds are"
        r" \(3, 64, 64\); resize them, or choose another model$"
    )
    with pytest.raises(SuiteError, match=said):
        trials_of(small, cards={"folder": other})


def test_trials_on_a_dataset_of_the_table_have_no_images_of_their_own(small):
    assert {trial.images for trial in trials_of(small)} == {None}
    assert all("images" not in trial.resolved() for trial in trials_of(small))


def test_exclude_takes_out_what_all_its_axes_match(small):
    small["exclude"] = [{"model": "resnet32", "delta_strategy": ["constant_sparsity"]}]
    gone = [arm for arm in arms(trials_of(small)) if arm[0] == "resnet32" and "sparsity" in arm[3]]
    assert gone == []
    assert len(trials_of(small)) == 16 - 2


def test_include_brings_back_a_part_of_what_exclude_took_out(small):
    small |= {"exclude": [{"model": "resnet32"}], "include": [{"model": "resnet32", "seed": 1}]}
    assert {(t.model, t.seed) for t in trials_of(small)} == {
        ("resnet20", 0), ("resnet20", 1), ("resnet32", 1)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("selections", "said"),
    [
        ({"exclude": [{"model": "resnet56"}]},
         r"small.yaml: exclude.0: \(model: resnet56\) matches no trial of the grid"),
        ({"exclude": [{"seed": 0}, {"seed": 1, "method": "bwn"}]},
         r"exclude.1: \(method: bwn, seed: 1\) matches no trial"),
        ({"exclude": [{"seed": [0, 1]}]}, "exclude: the selections together leave no trial"),
        ({"exclude": [{"seed": 0}, {"seed": 1}]}, "exclude: the selections together leave"),
        ({"include": [{"seed": 0}]}, r"include.0: \(seed: 0\) is in the grid already"),
        ({"exclude": [{"seed": 0}], "include": [{"seed": 5}]},
         r"include.0: \(seed: 5\) matches no trial of the axes"),
    ],
)  # fmt: skip
def test_selections_without_effect_or_without_rest_are_refused(small, selections, said):
    with pytest.raises(SuiteError, match=said):
        trials_of(small | selections)


def test_the_same_suite_gives_the_same_ids_whatever_the_order_of_keys(small):
    ids = [trial.trial_id for trial in trials_of(small)]
    assert [trial.trial_id for trial in trials_of(dict(reversed(small.items())))] == ids


def test_name_and_title_of_a_suite_do_not_enter_the_ids(small):
    ids = [trial.trial_id for trial in trials_of(small)]
    other = small | {"name": "other", "title": "Another"}
    assert [trial.trial_id for trial in trials_of(other, cards=CARDS)] == ids


def test_more_seeds_keep_the_ids_of_those_that_are_there(small):
    ids = {trial.trial_id for trial in trials_of(small)}
    assert ids < {trial.trial_id for trial in trials_of(small | {"seeds": [0, 1, 2]})}


def test_a_strategy_is_selected_by_its_name_or_with_its_number(small):
    small["delta_strategies"] = [{"max_fraction": 0.05}, {"max_fraction": 0.1}]
    both = trials_of(small | {"exclude": [{"delta_strategy": "max_fraction"}]})
    one = trials_of(small | {"exclude": [{"delta_strategy": "max_fraction(0.1)"}]})
    assert {trial.strategy for trial in both} == {""}
    assert {trial.strategy for trial in one} == {"", "max_fraction(0.05)"}


def test_full_precision_cannot_be_taken_out_from_under_its_children(small):
    small["exclude"] = [{"method": "full_precision"}]
    with pytest.raises(SuiteError, match=r"exclude\.0: .*takes out full_precision, from which"):
        trials_of(small)
    small["exclude"] = [{"model": "resnet32", "seed": 1}]
    assert trials_of(small)


def test_learning_rates_are_an_axis_of_what_is_fine_tuned(small):
    usual, rated = (trials_of(small | extra) for extra in ({}, {"learning_rates": [0.01, 0.2]}))

    assert [t for t in rated if t.parent is None] == [t for t in usual if t.parent is None]
    children = [t for t in rated if t.parent]
    assert len(children) == 2 * len([t for t in usual if t.parent])
    assert {t.recipe.learning_rate for t in children} == {0.01, 0.2}


def test_repeats_start_from_one_parent_and_see_other_orders_of_batches(small):
    usual, repeated = (trials_of(small | extra) for extra in ({}, {"repeats": 3}))

    assert set(usual) <= set(repeated)  # the first of them is the trial without repeats
    same = [t for t in repeated if t.parent and t.arm == "ttq" and t.seed == usual[0].seed]
    for parent, strategy in {(t.parent, t.strategy) for t in same}:
        of_one = [t for t in same if (t.parent, t.strategy) == (parent, strategy)]
        assert [t.repeat for t in of_one] == [0, 1, 2]
        assert of_one[0].batch_seed == of_one[0].seed
        assert len({t.batch_seed for t in of_one}) == len({t.trial_id for t in of_one}) == 3


def test_parents_of_another_protocol_are_the_trials_of_that_protocol(small):
    own = trials_of(small)
    lent = trials_of(small | {"protocol": "mine", "parent_protocol": small["protocol"]})

    assert [t for t in lent if t.parent is None] == [t for t in own if t.parent is None]
    children = [t for t in lent if t.parent]
    assert {t.protocol for t in children} == {"mine"}
    assert {t.parent for t in children} == {t.trial_id for t in own if t.parent is None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": "scratch", "repeats": 2}, "repeats: needs start: parent"),
        ({"start": "scratch", "parent_protocol": "x"}, "parent_protocol: needs start: parent"),
        ({"learning_rates": [0.1, 0.1]}, "0.1 is given twice"),
        ({"learning_rates": [0.0]}, "learning_rates"),
        ({"repeats": 0}, "repeats"),
    ],
)
def test_axes_that_do_not_fit_are_refused(small, changes, message):
    with pytest.raises(SuiteError, match=message):
        trials_of(small | changes)
