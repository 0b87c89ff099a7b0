import json

import pytest

from tests.record_builders import make_probe
from ttq_bench.errors import ResultsError
from ttq_bench.records.probes import (
    PROBE_VERSION,
    probe_seal,
    publish_probe,
    read_probes,
)


def test_probes_are_read_back_as_they_were_published_ordered_by_trial(results):
    probes = [
        make_probe("b"),
        make_probe("a", not_symmetrised=("c",), all_symmetrised_error_percent=None, kernels=None),
    ]
    for probe in probes:
        publish_probe(results, probe)
    assert read_probes(results) == probes[::-1]
    assert {path.name for path in results.probes.iterdir()} == {"a.json", "b.json"}


def test_a_folder_without_probes_gives_none(results):
    assert read_probes(results) == []


def test_a_probe_written_before_layers_could_be_left_out_is_read(results):
    fields = make_probe("a").model_dump(mode="json")
    del fields["not_symmetrised"]
    write(results, fields | {"sha256": probe_seal(fields)})
    assert read_probes(results) == [make_probe("a")]


def write(results, fields):
    results.probes.mkdir(parents=True, exist_ok=True)
    results.trial("a").probe.write_text(json.dumps(fields))


def test_the_seal_does_not_depend_on_spaces_or_order(results):
    publish_probe(results, make_probe("a"))
    fields = json.loads(results.trial("a").probe.read_text())
    write(results, dict(reversed(fields.items())))
    assert read_probes(results) == [make_probe("a")]


def told(results):
    with pytest.raises(ResultsError) as error:
        read_probes(results)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"{}", "probe_version: Field required, got {}"),
        (b"[]", "Input should be an object, got []"),
        (b"\xff\xfe", "Invalid JSON: expected value at line 1 column 1"),
        (b'{"probe_version": "b"}', "probe_version: Input should be a valid integer, unable"),
    ],
)
@pytest.mark.parametrize("trial_id", ["a", "cifar10-resnet20-ttq-s0-0123456789ab"])
def test_a_damaged_probe_of_a_trial_is_one_clear_sentence(results, trial_id, content, reason):
    results.trial("a").folder.mkdir(parents=True)
    path = results.trial(trial_id).probe
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert told(results).startswith(f"{path}: not a probe ({reason}")
    assert "delete it and run `ttq-bench probe` again" in told(results)


def test_a_file_of_the_users_own_among_the_probes_is_passed_over(results):
    publish_probe(results, make_probe("a"))
    (results.probes / "notes.json").write_text('{"todo": ["probe b"]}')
    (results.probes / "folder.json").mkdir()
    (results.probes / "link.json").symlink_to("nowhere")
    assert read_probes(results) == [make_probe("a")]


def test_a_folder_or_a_lost_link_in_the_place_of_a_probe_is_told_as_what_it_is(results):
    results.trial("a").folder.mkdir(parents=True)
    path = results.trial("a").probe
    path.mkdir(parents=True)
    assert told(results) == (f"{path}: cannot be read (Is a directory); move this folder elsewhere")
    path.rmdir()
    path.symlink_to("nowhere")
    assert told(results).startswith(f"{path}: cannot be read (No such file or directory); the file")


def test_a_probe_of_a_newer_version_is_told(results):
    publish_probe(results, make_probe("a", probe_version=PROBE_VERSION + 1))
    versions = f"probe {PROBE_VERSION + 1}, known up to {PROBE_VERSION}"
    assert f"written by a newer version ({versions}); update ttq_bench" in told(results)


def test_a_probe_under_the_name_of_another_trial_is_told(results):
    publish_probe(results, make_probe("a"))
    results.trial("a").probe.rename(results.trial("b").probe)
    assert "b.json: is the probe of a" in told(results)


@pytest.mark.parametrize(
    "change", [{"all_symmetrised_error_percent": 20.3}, {"sha256": "ab"}, {"sha256": None}]
)
def test_a_changed_number_or_seal_is_told(results, change):
    publish_probe(results, make_probe("a"))
    write(results, json.loads(results.trial("a").probe.read_text()) | change)
    assert "a.json: does not agree with the sha256 in it, so it was changed" in told(results)
