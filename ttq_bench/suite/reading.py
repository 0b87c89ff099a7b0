"""From a YAML file to a checked suite: profiles merged, every problem named with its field."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml
from pydantic_core import ErrorDetails

from ttq_bench.errors import SuiteError, did_you_mean
from ttq_bench.suite.schema import MOST_LETTERS, Suite
from ttq_bench.suite.wording import got, reason
from ttq_bench.suite.yaml_text import load_yaml
from ttq_bench.text import one_line

MOST_BYTES = 1_000_000
SHOWN = 30
MOST_SAID = 2_000  # characters of one problem: it repeats what was given
PROFILE = re.compile(rf"[a-z][a-z0-9_-]{{0,{MOST_LETTERS - 1}}}")


def read_suite(
    path: Path,
    profile: str,
    device: str,
    dataset: str | None = None,
    changes: Sequence[str] = (),
) -> tuple[Suite, str]:
    """Return the suite in ``path`` under ``profile``, and the profile's name.

    ``auto`` takes the file's ``default_profile``, which may name one for each device; ``dataset``
    takes the place of the suite's, as do ``changes`` (``FIELD=VALUE``, in YAML). Raises
    ``SuiteError`` that lists every problem with its field.
    """
    document = read_document(path)
    chosen = choose_profile(document, profile, device, str(path))
    return parse_suite(document, chosen, str(path), dataset, changes), chosen


def read_document(path: Path) -> dict[str, Any]:
    """Return the YAML mapping in ``path``."""
    try:
        with path.open("rb") as stream:  # not by its size: a device or a pipe has none
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SuiteError(f"{path}: larger than {MOST_BYTES:,} bytes; not a suite")
        document = load_yaml(content.decode("utf-8"))
    except OSError as error:
        raise SuiteError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SuiteError(
            f"{path}: not UTF-8 text (byte {error.start}: {error.reason}); save it as UTF-8"
        ) from error
    except yaml.YAMLError as error:
        raise SuiteError(f"{path}: not valid YAML ({one_line(str(error))})") from error
    if not isinstance(document, dict):
        raise SuiteError(f"{path}: expected fields such as 'name:' and 'models:', got no mapping")
    return document


def choose_profile(document: dict[str, Any], asked: str, device: str, where: str) -> str:
    """Return the profile to use; empty for a suite without profiles."""
    profiles = document.get("profiles")
    profiles = {} if profiles is None else profiles
    _check_profiles(profiles, where)
    default = document.get("default_profile", "")
    if isinstance(default, dict):
        default = default.get(device, "")
    chosen = default if asked == "auto" else asked
    if not isinstance(chosen, str):
        raise SuiteError(f"{where}: default_profile: expected the name of a profile, {got(chosen)}")
    if not chosen and profiles:
        names = one_line(", ".join(profiles))
        raise SuiteError(f"{where}: has no default profile for {device}; name one of {names}")
    if chosen and not profiles:
        raise SuiteError(f"{where}: has no profiles; leave out --profile {chosen}")
    if chosen and chosen not in profiles:
        said = f"unknown profile {one_line(chosen, 80)!r}{did_you_mean(chosen, profiles)}"
        raise SuiteError(f"{where}: {one_line(said, MOST_SAID)}")
    return chosen


def _check_profiles(profiles: Any, where: str) -> None:
    """Raise ``SuiteError`` unless ``profiles`` are mappings under names."""
    if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
        raise SuiteError(f"{where}: profiles: expected a mapping of names to fields")
    for name in profiles:
        if not isinstance(name, str):
            raise SuiteError(f"{where}: profiles: expected a name, {got(name)}")
        if not PROFILE.fullmatch(name):  # it becomes a part of a file's name
            raise SuiteError(
                f"{where}: profiles: {one_line(name, 80)!r} is no name; write lower-case letters,"
                " digits, '-' and '_', 64 at most"
            )


def parse_suite(
    document: dict[str, Any],
    profile: str,
    where: str,
    dataset: str | None = None,
    changes: Sequence[str] = (),
) -> Suite:
    """Return the checked suite of a YAML mapping; ``where`` stands in front of each problem."""
    fields = {k: v for k, v in document.items() if k not in ("profiles", "default_profile")}
    if profile:
        fields = _merged(fields, document["profiles"][profile])
    for change in changes:
        fields = _merged(fields, _as_fields(change))
    if changes:
        where += f" with {' '.join(f'--set {one_line(change, 80)}' for change in changes)}"
    if dataset is not None:
        fields["datasets"] = [dataset]
    try:
        # Through JSON, where strict mode takes a list for a tuple but still no text for a number.
        return Suite.model_validate_json(json.dumps(fields))
    except (TypeError, ValueError) as error:
        if isinstance(error, pydantic.ValidationError):
            raise SuiteError(_explained(error, where)) from error
        raise SuiteError(
            f"{where}: has a value that is no text, number, list or mapping"
        ) from error


def _as_fields(change: str) -> dict[str, Any]:
    """Return ``a.b=VALUE`` as the fields of a suite: {a: {b: VALUE}}."""
    field, _, text = change.partition("=")
    try:
        value = load_yaml(text)
    except yaml.YAMLError as error:
        raise SuiteError(f"--set {field}: not valid YAML ({one_line(str(error))})") from error
    for name in reversed(field.split(".")):
        value = {name: value}
    fields: dict[str, Any] = value
    return fields


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _explained(error: pydantic.ValidationError, where: str) -> str:
    details = error.errors()
    places = {detail["loc"][:-1] for detail in details}
    # A list whose entries are refused counts as too short as well: that is no problem of its own.
    told = [d for d in details if d["type"] != "too_short" or d["loc"] not in places]
    problems = [
        f"  {_field(detail)}{one_line(reason(detail, _siblings(detail['loc'])), MOST_SAID)}"
        for detail in told[:SHOWN]
    ]
    count = "1 problem" if len(told) == 1 else f"{len(told):,} problems"
    shown = f", the first {SHOWN} are" if len(told) > SHOWN else ""
    return "\n".join([f"{where}: {count}{shown}", *problems])


def _field(detail: ErrorDetails) -> str:
    # A problem between two fields names them itself.
    place = ".".join(one_line(str(part), 80) for part in detail["loc"])
    return f"{place}: " if place else ""


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    """Return the fields that are allowed where the unknown field at ``location`` stands."""
    model: Any = Suite
    for part in location[:-1]:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            model = _model_in(model.model_fields[part].annotation)
    return list(getattr(model, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """Return the model inside an annotation such as ``tuple[Selection, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    inner = getattr(annotation, "__args__", ())
    return next((found for part in inner if (found := _model_in(part))), None)
