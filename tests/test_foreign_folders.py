import os

import pytest

from ttq_bench.errors import ResultsError
from ttq_bench.foreign_folders import MOST_BYTES, look_over


@pytest.fixture
def root(tmp_path):
    (tmp_path / "results" / "trials" / "a").mkdir(parents=True)
    (tmp_path / "results" / "trials" / "a" / "record.json").write_text("{}")
    (tmp_path / "outside").mkdir()
    return tmp_path / "results"


def test_files_folders_and_links_inside_are_left_alone(root):
    (root / "b").symlink_to("trials/a")
    (root / "c").symlink_to("nothing")
    look_over(root)
    look_over(root / "not-there")


def test_the_folder_itself_may_be_a_link(root):
    (root.parent / "link").symlink_to(root)
    look_over(root.parent / "link")


@pytest.mark.parametrize("target", ["../../outside", "../../../..", "/dev/zero", "/etc/passwd"])
def test_a_link_that_leads_out_is_named(root, target):
    (root / "trials" / "link").symlink_to(target)
    with pytest.raises(ResultsError, match=r"trials/link: is a link that leads out"):
        look_over(root)


def test_a_pipe_is_named(root):
    os.mkfifo(root / "trials" / "a" / "epochs.parquet")
    with pytest.raises(ResultsError, match=r"epochs\.parquet: is neither a file nor a folder"):
        look_over(root)


def test_a_ring_of_links_is_named(root):
    (root / "ring").symlink_to("ring")
    with pytest.raises(ResultsError, match="ring: cannot be looked at"):
        look_over(root)


def test_a_json_file_of_any_size_is_named(root):
    os.truncate(root / "trials" / "a" / "record.json", MOST_BYTES + 1)
    with pytest.raises(ResultsError, match=r"record\.json: has 67,108,865 bytes"):
        look_over(root)
