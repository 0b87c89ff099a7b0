"""Places that a command cannot use are refused at once, in one sentence."""

import pytest


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["export", "x", "--to", "s3://b/x"], "this command writes to folders only: name one"),
        (["plan", "suites/demo.yaml", "--data-dir", "s3://b"], "images cannot be read from object"),
        (["data", "show", "cifar10", "--data-dir", "gs://b"], "images cannot be read from object"),
        (["data", "fetch", "cifar10", "--data-dir", "s3://b"], "images cannot be read from object"),
        (["data", "show", "folder:s3://b"], "images cannot be read from object"),
        (["probe", "--data-dir", "s3://b"], "images cannot be read from object"),
        (["doctor", "--data-dir", "https://u:secret@b/c"], "images cannot be read from object"),
    ],
)
def test_a_url_where_a_folder_is_meant_is_refused(words, why, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    sentence = refused(*words)
    assert "expected a folder, got the URL" in sentence
    assert why in sentence
    assert "secret" not in sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize(
    "words",
    [
        ["status", "--results"], ["speed", "--results"], ["data", "show", "cifar10", "--data-dir"],
        ["plan", "suites/demo.yaml", "--results"], ["export", "x", "--to"], ["compare", "results"],
        ["plan"], ["report", "--readme"],
    ],
)  # fmt: skip
def test_an_unset_variable_is_not_taken_for_this_folder(words, empty, refused):
    sentence = refused(*words, empty)
    assert f"{empty!r} is empty; name a folder, . for this one" in sentence


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a/" * 2000 + "b", "at most 3,000 bytes and 200 folders"),
        ("a/" * 250 + "b", "at most 3,000 bytes and 200 folders"),
        ("/".join(20 * ["a" * 200]), "at most 3,000 bytes and 200 folders"),
        ("a" * 300, "has a name that is too long for this file system"),
    ],
)
@pytest.mark.parametrize("words", [["doctor", "--results"], ["export", "x", "--to"]])
def test_a_very_long_path_is_refused_and_shortened(words, path, why, refused):
    sentence = refused(*words, path)
    assert why in sentence
    assert path[:60] in sentence
