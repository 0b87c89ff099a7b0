"""The JSON schema of suites, by which editors check what is written."""

import copy
import json

import jsonschema
import pytest
import yaml

from tests.suite.conftest import SMALL
from tests.suite.test_reading import SHIPPED
from ttq_bench.suite.field_table import MEANINGS
from ttq_bench.suite.json_schema import schema_text, suite_schema
from ttq_bench.suite.reading import parse_suite
from ttq_bench.suite.shipped import SCHEMA

PATHS = sorted(SHIPPED.glob("*.yaml"))


def problems(document):
    """Return the place of each problem that an editor would mark."""
    validator = jsonschema.Draft202012Validator(suite_schema())
    found = sorted(validator.iter_errors(document), key=str)
    return [".".join(map(str, error.absolute_path)) for error in found]


def test_the_file_is_what_the_fields_of_suites_give():
    written = json.loads((SHIPPED / SCHEMA).read_text(encoding="utf-8"))
    assert written == json.loads(schema_text()), (  # one pydantic writes 0, another 0.0
        f"the fields changed; run `python -m ttq_bench.suite.json_schema suites/{SCHEMA}`"
    )


def test_it_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_shipped_suite_names_it_in_its_first_line_and_fits(path):
    text = path.read_text(encoding="utf-8")
    assert text.partition("\n")[0] == f"# yaml-language-server: $schema={SCHEMA}"
    assert problems(yaml.safe_load(text)) == []


def test_the_example_of_the_page_fits():
    page = (SHIPPED / "README.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert problems(yaml.safe_load(example)) == []


FITTING = (
    {"delta_strategies": [{"max_fraction": {"number": 0.1, "start": 0.2, "ramp_epochs": 2}}]},
    {"exclude": [{"seed": 1, "model": ["resnet20"]}], "conversion": {"normalise_latent": "max"}},
    {"default_profile": {"cpu": "a"}, "profiles": {"a": {"training": {"fine_tuned": {}}}}},
    {"parent_protocol": None, "learning_rates": [0.1, 0.01], "histogram_epochs": [0]},
)
BROKEN = (
    ({"metod": 1}, [""]),
    ({"name": "Not A Name"}, ["name"]),
    ({"name": 3}, ["name"]),
    ({"datasets": ["cifar11"]}, ["datasets.0"]),
    ({"models": "resnet20"}, ["models"]),
    ({"models": []}, ["models"]),
    ({"methods": ["ttq", "tqt"]}, ["methods.1"]),
    ({"delta_strategies": [{"max_fractio": 0.05}]}, ["delta_strategies.0"]),
    ({"delta_strategies": ["max_fraction"]}, ["delta_strategies.0"]),
    ({"delta_strategies": [{"max_fraction": {}}]}, ["delta_strategies.0.max_fraction"]),
    ({"seeds": [-1]}, ["seeds.0"]),
    ({"training": {"full_precision": {"epochs": 1}}}, ["training"]),
    ({"training": {"full_precision": {}, "fine_tuned": {"epochs": 1}}},
     ["training.full_precision"]),
    ({"training": {"full_precision": {"epochs": 0}, "fine_tuned": {"epochs": "9"}}},
     ["training.full_precision.epochs", "training.fine_tuned.epochs"]),
    ({"conversion": {"granularity": "chanel"}}, ["conversion.granularity"]),
    ({"conversion": {"keep_last": 1}}, ["conversion.keep_last"]),
    ({"start": "parents"}, ["start"]),
    ({"exclude": [{"modles": "resnet20"}]}, ["exclude.0"]),
    ({"exclude": [{"seed": "1"}]}, ["exclude.0.seed"]),
    ({"profiles": {"a": 1}}, ["profiles.a"]),
    ({"profiles": {"a": {"profiles": {}}}}, ["profiles.a"]),
    ({"profiles": {"a": {"repeats": 0}}}, ["profiles.a.repeats"]),
    ({"profiles": {"A b": {}}}, ["profiles"]),
    ({"profiles": {}, "default_profile": {"gpu": "a"}}, ["default_profile"]),
)  # fmt: skip


@pytest.mark.parametrize("changes", FITTING, ids=str)
def test_what_a_suite_may_say_fits(changes):
    assert problems(SMALL | changes) == []
    fields = SMALL | {name: value for name, value in changes.items() if "profile" not in name}
    parse_suite(fields, "", "small.yaml")  # and is a suite


@pytest.mark.parametrize(("changes", "places"), BROKEN, ids=str)
def test_a_broken_suite_is_marked_where_it_is_broken(changes, places):
    assert sorted(problems(SMALL | changes)) == sorted(places)


@pytest.mark.parametrize("name", ["name", "title", "datasets", "seeds", "training"])
def test_a_field_that_is_missing_is_marked_unless_a_profile_may_bring_it(name):
    document = copy.deepcopy(SMALL)
    field = document.pop(name)
    assert problems(document) == [""]
    assert problems(document | {"profiles": {"a": {name: field}}}) == []


def test_every_field_has_its_meaning_and_default():
    schema = suite_schema()
    parts = schema["$defs"] | {"Suite": schema}
    for model, meanings in MEANINGS.items():
        for name, meaning in meanings.items():
            field = parts[model.__name__]["properties"][name]
            assert field["description"] == meaning
            assert ("default" in field) == (not model.model_fields[name].is_required())
