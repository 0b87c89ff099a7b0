from pathlib import Path

import pytest
import yaml

from tests.suite.conftest import SMALL, problems_of, trials_of
from ttq_bench.errors import SuiteError
from ttq_bench.suite.reading import MOST_BYTES, read_document, read_suite

SHIPPED = Path(__file__).parents[2] / "suites"


def test_a_small_suite_is_read(read, small):
    suite, profile = read(small)
    assert suite.models == ("resnet20", "resnet32")
    assert [str(strategy) for strategy in suite.delta_strategies] == [
        "max_fraction(0.05)", "constant_sparsity(0.5)"
    ]  # fmt: skip
    assert (suite.training.fine_tuned.epochs, profile) == (3, "")


def test_every_problem_is_listed_under_its_file_and_field(read, small):
    small["metod"] = 1
    small["training"]["full_precision"]["epochs"] = "200"
    message = problems_of(read, small)
    assert "small.yaml: 2 problems\n" in message
    assert (
        "\n  line 23: training.full_precision.epochs: expected a whole number, got '200',"
        " which YAML reads as text; write 200"
    ) in message
    assert "\n  line 9: metod: unknown field; did you mean 'methods'? (allowed: " in message


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (lambda s: s, "modles: unknown field; did you mean 'models'?"),
        (
            lambda s: s["training"]["full_precision"],
            "training.full_precision.modles: unknown field (allowed: adam_epsilon,",
        ),
        (lambda s: s["exclude"][0], "exclude.0.modles: unknown field; did you mean 'model'?"),
    ],
)
def test_an_unknown_field_at_any_depth_is_told_with_its_neighbours(read, small, place, said):
    small["exclude"] = [{"model": "resnet20"}]
    place(small)["modles"] = 1
    assert said in problems_of(read, small)


@pytest.mark.parametrize(
    ("written", "write"),
    [("1e-4", "0.0001"), ("1e-5", "1.0e-05"), ("'0.1'", "0.1"), ("2E3", "2000.0")],
)
def test_a_number_that_yaml_reads_as_text_is_told_how_to_write_it(read, small, written, write):
    text = (
        yaml.safe_dump(small)
        .replace("{epochs: 8}", "x")
        .replace("    epochs: 8\n", f"    epochs: 8\n    learning_rate: {written}\n")
    )
    message = problems_of(read, text)
    assert (
        f"learning_rate: expected a number, got '{written.strip(chr(39))}', which YAML" in message
    )
    assert message.endswith(f"reads as text; write {write}")
    assert yaml.safe_load(write) == float(written.strip("'"))


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("010", 8), ("-010", -8), ("00", 0), ("0x1f", 31), ("0b11", 3), ("1_000", 1000),
        ("10:30", 630), ("1:30:00", 5400), ("1_0.5", 10.5), ("1:30.5", 90.5), ("0_7", 7),
    ],
)  # fmt: skip
def test_a_number_that_yaml_reads_otherwise_than_written_is_refused(read, small, written, read_as):
    assert yaml.safe_load(written) == read_as
    said = f"'{written}', which YAML reads as {read_as}; write the number in decimal digits alone"
    text = yaml.safe_dump(small)
    message = problems_of(read, text.replace("seeds:\n- 0", f"seeds:\n- {written}"))
    assert f"seeds.0: expected a whole number, got {said}" in message
    message = problems_of(read, text.replace("max_fraction: 0.05", f"max_fraction: {written}"))
    assert f"got {said}" in message


@pytest.mark.parametrize(("written", "write"), [("08", "8"), ("1e3", "1000"), ("2.5e1", "25")])
def test_a_whole_number_that_yaml_reads_as_text_is_told_how_to_write_it(
    read, small, written, write
):
    text = yaml.safe_dump(small).replace("seeds:\n- 0", f"seeds:\n- {written}")
    message = problems_of(read, text)
    assert f"seeds.0: expected a whole number, got '{written}', which YAML reads as" in message
    assert message.endswith(f"text; write {write}")


@pytest.mark.parametrize("written", ["0.10", ".1", "1.0e-1", "+0.1", "1.E-1", "01.0E-1"])
def test_a_number_that_is_read_as_written_is_taken(read, small, written):
    text = yaml.safe_dump(small).replace("max_fraction: 0.05", f"max_fraction: {written}")
    suite, _ = read(text)
    assert str(suite.delta_strategies[0]) == "max_fraction(0.1)"


def test_a_word_that_looks_like_a_number_stays_the_word(read, small):
    suite, _ = read(yaml.safe_dump(small).replace("title: A small grid", "title: 10:30"))
    assert suite.title == "10:30"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name: small", "name: on", "name: expected text, got true (YAML reads on,"),
        ("name: small", "name: no", "name: expected text, got false (YAML reads off,"),
        ("- 0\n", "- yes\n", "seeds.0: expected a whole number, got true (YAML reads on,"),
        (
            "    epochs: 8\n", "    epochs: 8\n    augmentation: on\n",
            "'scaled_crop_flip' or 'none', got true (YAML reads on, yes and true as true;"
            " put a word in quotes)",
        ),
        ("name: small", "name: small\ndefault_profile: on", "default_profile: expected the"),
        ("name: small", "name: small\nprofiles: {on: {}}", "profiles: expected a name, got tr"),
    ],
)  # fmt: skip
def test_a_word_that_yaml_reads_as_true_or_false_is_told_with_its_words(
    read, small, before, after, said
):
    text = yaml.safe_dump(small)
    assert before in text
    assert said in problems_of(read, text.replace(before, after, 1))


@pytest.mark.parametrize("text", ["name: [", "a: b: c", "\tname: x", "--- 1\n--- 2", "a: \x00"])
def test_what_is_not_yaml_is_refused(read, text):
    assert "small.yaml: not valid YAML (" in problems_of(read, text)


@pytest.mark.parametrize("text", ["", "- a\n- b", "words", "3"])
def test_what_is_no_mapping_is_refused(read, text):
    assert "got no mapping" in problems_of(read, text)


def test_a_key_that_is_given_twice_is_refused(read):
    with pytest.raises(SuiteError, match=r"'name' is given twice .*line 1, column 11"):
        read("{name: a, name: b}")


@pytest.mark.parametrize("text", ["[" * 5000, "? [a, b]\n: 1"], ids=["deep", "list as a key"])
def test_yaml_that_breaks_its_reader_is_one_clear_sentence(read, text):
    with pytest.raises(SuiteError, match="not valid YAML"):
        read(text)


def test_a_value_of_yaml_alone_is_refused(read):
    text = yaml.safe_dump(SMALL).replace("- 0\n", "- 2020-01-01\n")
    assert "has a value that is no text, number, list or mapping" in problems_of(read, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SuiteError, match=r"none\.yaml: cannot be read \(No such file"):
        read_document(tmp_path / "none.yaml")


def test_a_file_of_other_bytes_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_bytes("name: x".encode("utf-16"))
    with pytest.raises(SuiteError, match=r"x\.yaml: not UTF-8 text .*; save it as UTF-8"):
        read_document(tmp_path / "x.yaml")


def test_a_file_that_is_too_large_is_not_parsed(read):
    assert "larger than 1,000,000 bytes" in problems_of(read, "#" * (MOST_BYTES + 1))


def test_anchors_and_merge_keys_work(read):
    text = yaml.safe_dump({k: v for k, v in SMALL.items() if k != "training"})
    text += """
training:
  full_precision: &recipe {epochs: 8, batch_size: 32}
  fine_tuned:
    <<: *recipe
    epochs: 3
"""
    recipe = read(text)[0].training.fine_tuned
    assert (recipe.epochs, recipe.batch_size) == (3, 32)


def test_a_profile_replaces_fields_and_merges_mappings_at_any_depth(read, small):
    small["profiles"] = {
        "a": {"seeds": [7], "training": {"fine_tuned": {"batch_size": 64}}},
        "b": {},
    }
    suite, profile = read(small, profile="a")
    assert (suite.seeds, profile) == ((7,), "a")
    assert (suite.training.fine_tuned.epochs, suite.training.fine_tuned.batch_size) == (3, 64)
    assert suite.training.full_precision.batch_size == 128
    assert read(small, profile="b")[0].seeds == (0, 1)


@pytest.mark.parametrize(
    ("default", "device", "chosen"),
    [
        ("a", "cpu", "a"),
        ({"cpu": "a", "cuda": "b"}, "cpu", "a"),
        ({"cpu": "a", "cuda": "b"}, "cuda", "b"),
    ],
)
def test_the_default_profile_may_differ_by_device(read, small, default, device, chosen):
    small |= {"profiles": {"a": {}, "b": {}}, "default_profile": default}
    assert read(small, device=device)[1] == chosen


def test_an_unknown_profile_is_told_with_the_known_ones(read, small):
    small["profiles"] = {"quick": {}, "paper": {}}
    message = problems_of(read, small, profile="quik")
    assert "unknown profile 'quik'; did you mean 'quick'? (allowed: paper, quick)" in message


def test_profiles_without_a_default_for_the_device_are_told(read, small):
    small |= {"profiles": {"a": {}}, "default_profile": {"cuda": "a"}}
    assert "has no default profile for cpu; name one of a" in problems_of(read, small)


@pytest.mark.parametrize("profiles", [["a"], {"a": 1}, "a", False, []])
def test_profiles_that_are_no_mappings_are_refused(read, small, profiles):
    small["profiles"] = profiles
    assert "profiles: expected a mapping of names to fields" in problems_of(read, small)


@pytest.mark.parametrize(
    ("name", "profile", "count", "parents"),
    [
        ("cifar", "quick", 12, 3),
        ("cifar", "paper", 60, 20),
        ("cifar", "released", 60, 20),
        ("cifar", "modern", 80, 20),
        ("cifar", "methods", 60, 5),
        ("demo", "", 8, 2),
    ],
)
def test_shipped_suites_expand_to_what_their_comments_say(name, profile, count, parents):
    trials = trials_of(read_document(SHIPPED / f"{name}.yaml"), profile)
    assert len({trial.trial_id for trial in trials}) == len(trials) == count
    assert sum(trial.parent is None for trial in trials) == parents


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_shipped_suite_is_valid_in_every_profile_and_has_a_default(path, device):
    for profile in read_document(path).get("profiles", {}):
        assert read_suite(path, profile, device)[1] == profile
    read_suite(path, "auto", device)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('title: "\\ud800"', "half of a surrogate pair"),
        ("title: !!bool 7", "'7' is neither true nor false"),
        ("seeds: [1e400]", "got '1e400', which is beyond the range of a number"),
        ("seeds: [1e-400]", "got '1e-400', which is beyond the range of a number"),
        ('datasets: ["folder:/p"]', "give --dataset folder:/p, which takes its place"),
    ],
)
def test_values_that_no_advice_helps_are_refused_without_one(read, line, said):
    rest = {k: v for k, v in SMALL.items() if k != line.partition(":")[0]}
    assert said in problems_of(read, f"{yaml.safe_dump(rest)}{line}\n")
