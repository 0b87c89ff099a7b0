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
from ttq_bench.suite.lines import Origin, Place, at, line_of
from ttq_bench.suite.schema import MOST_LETTERS, Suite
from ttq_bench.suite.wording import got, reason
from ttq_bench.suite.yaml_text import load_with_lines, load_yaml
from ttq_bench.text import counted, one_line

MOST_BYTES = 1_000_000
SHOWN = 30
MOST_SAID = 2_000  # characters of one problem: it repeats what was given
FIELD = re.compile(r"[a-z_]+(\.[a-z_]+)*(?=: )")
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
    suite, chosen, _ = read_with_origin(path, profile, device, dataset, changes)
    return suite, chosen


def read_with_origin(
    path: Path,
    profile: str,
    device: str,
    dataset: str | None = None,
    changes: Sequence[str] = (),
) -> tuple[Suite, str, Origin]:
    """Return what ``read_suite`` does, and where each field of the suite comes from."""
    document, lines = _read(path)
    origin = Origin(str(path), lines)
    chosen = choose_profile(document, profile, device, origin)
    origin = origin.under(chosen)
    for change in changes:
        origin = origin.without(tuple(change.partition("=")[0].split(".")))
    if dataset is not None:
        origin = origin.without(("datasets",))
    return parse_suite(document, chosen, origin, dataset, changes), chosen, origin


def read_document(path: Path) -> dict[str, Any]:
    """Return the YAML mapping in ``path``."""
    return _read(path)[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    try:
        with path.open("rb") as stream:  # not by its size: a device or a pipe has none
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SuiteError(f"{path}: larger than {MOST_BYTES:,} bytes; not a suite")
        document, lines = load_with_lines(content.decode("utf-8"))
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
    return document, lines


def choose_profile(document: dict[str, Any], asked: str, device: str, where: str | Origin) -> str:
    """Return the profile to use; empty for a suite without profiles."""
    profiles = document.get("profiles")
    profiles = {} if profiles is None else profiles
    _check_profiles(profiles, where)
    default = document.get("default_profile", "")
    if isinstance(default, dict):
        default = default.get(device, "")
    chosen = default if asked == "auto" else asked
    if not isinstance(chosen, str):
        place = at(where, "default_profile", device)
        raise SuiteError(f"{place}: default_profile: expected the name of a profile, {got(chosen)}")
    if not chosen and profiles:
        names = one_line(", ".join(profiles))
        raise SuiteError(f"{where}: has no default profile for {device}; name one of {names}")
    if chosen and not profiles:
        raise SuiteError(f"{where}: has no profiles; leave out --profile {chosen}")
    if chosen and chosen not in profiles:
        problem = f"unknown profile {one_line(chosen, 80)!r}{did_you_mean(chosen, profiles)}"
        place = at(where, "default_profile", device) if asked == "auto" else str(where)
        raise SuiteError(f"{place}: {one_line(problem, MOST_SAID)}")
    return chosen


def _check_profiles(profiles: Any, where: str | Origin) -> None:
    """Raise ``SuiteError`` unless ``profiles`` are mappings under names."""
    expected = "profiles: expected a mapping of names to fields"
    if not isinstance(profiles, dict):
        raise SuiteError(f"{at(where, 'profiles')}: {expected}")
    for name, fields in profiles.items():
        place = at(where, "profiles", name)
        if not isinstance(name, str):
            raise SuiteError(f"{place}: profiles: expected a name, {got(name)}")
        if not isinstance(fields, dict):
            raise SuiteError(f"{place}: {expected}")
        if not PROFILE.fullmatch(name):  # it becomes a part of a file's name
            raise SuiteError(
                f"{place}: profiles: {one_line(name, 80)!r} is no name; write lower-case letters,"
                " digits, '-' and '_', 64 at most"
            )


def parse_suite(
    document: dict[str, Any],
    profile: str,
    where: str | Origin,
    dataset: str | None = None,
    changes: Sequence[str] = (),
) -> Suite:
    """Return the checked suite of a YAML mapping; ``where`` names it in front of its problems."""
    fields = {k: v for k, v in document.items() if k not in ("profiles", "default_profile")}
    if profile:
        fields = _merged(fields, document["profiles"][profile])
    for change in changes:
        fields = _merged(fields, _as_fields(change))
    if dataset is not None:
        fields["datasets"] = [dataset]
    try:
        # Through JSON, where strict mode takes a list for a tuple but still no text for a number.
        return Suite.model_validate_json(json.dumps(fields))
    except pydantic.ValidationError as error:
        raise SuiteError(_explained(error, where, changes)) from error
    except (TypeError, ValueError) as error:
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


def _explained(error: pydantic.ValidationError, where: str | Origin, changes: Sequence[str]) -> str:
    details = error.errors()
    places = {detail["loc"][:-1] for detail in details}
    # A list whose entries are refused counts as too short as well: that is no problem of its own.
    details = [d for d in details if d["type"] != "too_short" or d["loc"] not in places]
    problems = [f"  {_problem(detail, where)}" for detail in details[:SHOWN]]
    count = counted(len(details), "problem")
    shown = f", the first {SHOWN} are" if len(details) > SHOWN else ""
    set_here = "".join(f" --set {one_line(change, 80)}" for change in changes)
    name = f"{where} with{set_here}" if changes else where
    return "\n".join([f"{name}: {count}{shown}", *problems])


def _problem(detail: ErrorDetails, where: str | Origin) -> str:
    """Return ``line 12: seeds.0: expected ...``, the line where one is known."""
    place = detail["loc"]
    problem = one_line(reason(detail, _siblings(place)), MOST_SAID)
    if place:
        problem = f"{'.'.join(one_line(str(part), 80) for part in place)}: {problem}"
    elif named := FIELD.match(problem):  # a problem between two fields names them itself
        place = tuple(named[0].split("."))
    line = line_of(where, place)
    return f"line {line}: {problem}" if line else problem


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
