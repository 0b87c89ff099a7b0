"""Which files of a folder for model hubs an export may replace; its content: test_export.py."""

import pytest

from ttq_bench.errors import ResultsError
from ttq_bench.export.model_folder import CARD, check_folder

TEXTS = {CARD: b"---\nlibrary_name: ttq_bench\n"}


def test_a_link_of_the_users_own_to_a_file_that_is_not_here_is_not_replaced(tmp_path):
    (tmp_path / CARD).symlink_to("nowhere")
    with pytest.raises(
        ResultsError, match=r"README\.md: cannot be read .* the file that this link"
    ):
        check_folder(tmp_path, TEXTS)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "network").write_text("mine")
    with pytest.raises(ResultsError, match="network: is no folder; name another place"):
        check_folder(tmp_path / "network", TEXTS)
