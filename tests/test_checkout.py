"""A checkout has the bytes that were committed, whatever the user's git is set to."""

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SETTINGS = (
    ("core.autocrlf=true",),
    ("core.autocrlf=input",),
    ("core.eol=crlf", "core.autocrlf=false"),
    ("core.attributesFile={folder}/attributes",),  # which says that all is text, with CRLF
)


def git(*words: object, folder: Path = REPOSITORY) -> str:
    command = ["git", "-C", str(folder), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_no_setting_of_git_changes_a_byte_of_what_is_checked_out(tmp_path, settings):
    try:
        git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    (tmp_path / "attributes").write_text("* text eol=crlf\n")
    options = [w for s in settings for w in ("-c", s.format(folder=tmp_path))]
    copy = tmp_path / "copy"
    git(*options, "clone", "--quiet", "--shared", REPOSITORY, copy)
    kinds = git("ls-files", "--eol", folder=copy).splitlines()
    changed = [line for line in kinds if line.split()[0][1:] != line.split()[1][1:]]
    assert len(kinds) > 1000
    assert not changed


def test_ray_sends_all_code_of_a_checkout_and_neither_data_nor_results():
    from ray._private.runtime_env.packaging import get_excludes_from_ignore_files

    left_out = get_excludes_from_ignore_files(REPOSITORY, include_gitignore=True)

    def is_sent(name: str) -> bool:
        return not any(leaves_out(REPOSITORY / name) for leaves_out in left_out)

    code = [*REPOSITORY.glob("ttq_bench/**/*.py"), *REPOSITORY.glob("suites/**/*.yaml")]
    assert len(code) > 200
    assert all(is_sent(str(path.relative_to(REPOSITORY))) for path in code)
    assert is_sent("ttq_bench/results/new.py")
    not_code = (".git/HEAD", ".venv/bin/python", "data/cifar-10-binary.tar.gz", "results/work/a/w",
                "results/trials/a/record.json", "exported/weights.safetensors")  # fmt: skip
    assert not any(map(is_sent, not_code))
