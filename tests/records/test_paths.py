import pytest

from ttq_bench.errors import ResultsError


@pytest.mark.parametrize(
    "name", ["../x", "..", ".", "", "a/b", "/etc", ".hidden", "a\n", "a b", "-x", "ä", "a" * 200]
)
def test_a_name_that_could_leave_the_folder_is_refused(results, name):
    with pytest.raises(ResultsError, match="is not a trial id"):
        results.trial(name)


def attempt_files(attempt):
    files = [attempt.lease, attempt.end, attempt.progress, attempt.weights]
    return [*files, attempt.folder, attempt.checkpoints]


def test_no_two_files_of_a_trial_share_a_path_and_all_are_under_the_root(paths):
    found = [
        paths.record,
        paths.failure,
        *attempt_files(paths.attempt(1)),
        *attempt_files(paths.attempt(2)),
    ]
    found += [paths.results.lock, paths.results.stop_file, paths.results.summary]
    assert len(set(found)) == len(found)
    assert all(path.is_relative_to(paths.results.root) for path in found)


def test_what_can_be_deleted_lies_under_work_and_what_is_to_be_kept_does_not(paths):
    work = paths.results.root / "work"
    for path in (*attempt_files(paths.attempt(1)), paths.results.lock):
        assert path.is_relative_to(work)
    for path in (paths.record, paths.failure, paths.results.summary):
        assert not path.is_relative_to(work)
