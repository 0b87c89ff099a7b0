"""Suites that attack their reader, by name: text or bytes, the exit code, and what is said."""

from itertools import pairwise

import yaml

from tests.tiny_suite import tiny_document

TINY = yaml.safe_dump(tiny_document(), sort_keys=False)


def with_fields(**fields):
    return yaml.safe_dump(tiny_document() | fields)


def with_recipe(**fields):
    """The tiny suite with text in place of values of a recipe."""
    text = yaml.safe_dump(tiny_document())
    lines = "".join(f"    {name}: {value}\n" for name, value in fields.items())
    kept = [line for line in text.splitlines(True) if line.strip().split(":")[0] not in fields]
    return "".join(kept).replace("  fine_tuned:\n", "  fine_tuned:\n" + lines)


def laughs(levels):
    """9 times 9 times 9 ... words, by aliases of lists of aliases."""
    names = "abcdefghijklm"[:levels]
    lines = [f"a: &a [{', '.join(['ha'] * 9)}]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in pairwise(names)
    ]
    return "\n".join(lines) + "\n" + TINY


def merges(levels):
    """Each mapping takes in the one before it 10 times."""
    lines = ["m0: &m0 {k: 1}"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}]}}" for n in range(1, levels)]
    return "\n".join(lines) + "\n" + TINY


def nested_by_aliases():
    lines = [f"a{n}: &a{n} {'[' * 20}*a{n - 1}{']' * 20}" for n in range(1, 100)]
    return "a0: &a0 x\n" + "\n".join(lines)


OTHER_KIND = "is no text, number, list or mapping"
NO_YAML = "not valid YAML"
SUITES = {
    "a call by tag": ("name: !!python/object/apply:os.system ['touch harmed']", OTHER_KIND),
    "a day that does not exist": ("a: 2020-99-99", OTHER_KIND),
    "billion laughs": (laughs(9), "stands for more than 20,000 values"),
    "billions of merged keys": (merges(12), "stands for more than 20,000 values"),
    "300 aliases": ("a: &a 1\nb: [" + "*a, " * 300 + "]", "more than 200 aliases"),
    "a list in itself": ("a: &a [*a]", "has an alias of a value inside that value"),
    "100,000 open lists": ("[" * 100_000, "nested deeper than 40"),
    "lists nested by aliases": (nested_by_aliases(), "nested deeper than 40|more than 20,000"),
    "100,000 numbers": ("seeds: [" + "1, " * 100_000 + "]", "more than 20,000 values"),
    "an alias of 900,000 letters": ("*" + "a" * 900_000, NO_YAML),
    "3 datasets of 2,000 letters": (with_fields(datasets=["a" * 2_000] * 3), "unknown dataset"),
    "a strategy of 2,000 letters": (
        with_fields(delta_strategies=[{"a" * 2_000: 1}]), "unknown delta strategy",
    ),
    "10 fields of 2,000 letters": (
        "".join(f"? {'a' * 1_990}{n}\n: 1\n" for n in range(10)), "18 problems",
    ),
    "a selection of 100 long words": (
        with_fields(exclude=[{"method": ["a" * 1_990 + str(n) for n in range(100)]}]),
        "matches no trial of the grid",
    ),
    "1,000 profiles without a default": (
        with_fields(profiles={f"a{'b' * 60}{n}": {} for n in range(1_000)}), "name one of",
    ),
    "1,000 profiles with another default": (
        with_fields(profiles={f"a{'b' * 60}{n}": {} for n in range(1_000)},
                    default_profile="c" * 2_000),
        "unknown profile",
    ),
    "2 million bytes": (TINY + "#" * 2_000_000, "larger than 1,000,000 bytes"),
    "a number of 5,000 digits": ("seeds: [" + "9" * 5_000 + "]", "more than 2,000 characters"),
    "a fraction in base 60": ("a: 1" + ":59" * 500 + ".5", "a: unknown field"),
    "other bytes": (b"name: \xff\xfe\xfd", r"not UTF-8 text .*; save it as UTF-8"),
    "an escape sequence": (b"name: \x1b[2J", NO_YAML),
    "laughs as a key": (laughs(9) + "z:\n  ? *h\n  : 1\n", "a list or a mapping as a key"),
    "a tag of 40,000 dots": ("a: !<" + "a." * 20_000 + "> x", OTHER_KIND),
    "a truth that may be": (TINY + "x: !!bool maybe\n", "is neither true nor false"),
    "a fraction of nothing": (TINY + "x: [!!float '']\n", "x: unknown field"),
    "another merge": (TINY + "<<: 3\n", NO_YAML),
    "two documents": (TINY + "---\n" + TINY, NO_YAML),
    "9,000 unknown fields": (
        "".join(f"k{n}: 1\n" for n in range(9_000)), "9,008 problems, the first 30",
    ),
    "a name that leads out": (with_fields(name="../outside/x"), "name: expected"),
    "a script as a protocol": (
        with_fields(protocol="<img src=x onerror=alert(1)>"), "protocol: expected",
    ),
    "a name with a line break": (with_fields(name="tiny\n"), "name: expected"),
    "a name of 300 letters": (with_fields(name="a" * 300), "name: expected"),
    "a title of escapes": (with_fields(title="\x1b]0;evil\x07\x1b[2J"), "title: expected one line"),
    "a title of 1,000 letters": (with_fields(title="a" * 1_000), "title: expected"),
    "escapes as a dataset": (with_fields(datasets=["\x1b[2Jdigits"]), r"\\x1b\[2Jdigits"),
    "an attribute as a model": (with_fields(models=["__class__"]), "unknown model '__class__'"),
    "an optimizer of its own": (with_recipe(optimizer="os.system"), "optimizer: expected"),
    "a script as a layer": (
        with_fields(conversion={"keep": ["<script>alert(1)</script>"]}), "keep.0: expected",
    ),
    "a pattern of 1,000 stars": (
        with_fields(conversion={"keep": ["*a" * 500]}), "conversion.keep.0: expected",
    ),
    "a learning rate that is no number": (with_recipe(learning_rate=".nan"), "learning_rate: exp"),
    "warm-up that is no number": (with_recipe(warmup_epochs=".nan"), "warmup_epochs"),
    "a threshold that is no number": (
        with_fields(delta_strategies=[{"max_fraction": float("nan")}]), "delta_strategies.0: ",
    ),
    "a seed of 30 digits": (with_fields(seeds=[10**30]), "seeds.0: expected"),
    "a batch of 10^18": (with_recipe(batch_size=10**18), "batch_size: expected"),
    "10^9 epochs": (with_recipe(epochs=10**9), "epochs: expected"),
    "a million trials": (
        with_fields(seeds=list(range(9_000)),
                    delta_strategies=[{"max_fraction": n / 1_000} for n in range(1, 200)]),
        "stands for [0-9,]+ trials, more than 10,000",
    ),
    "1,000 selections": (
        with_fields(exclude=[{"seed": n} for n in range(1_000)]), "exclude: expected",
    ),
    "a profile that leads out": (
        with_fields(profiles={"x/../../../outside/evil": {}},
                    default_profile="x/../../../outside/evil"),
        "profiles: .* is no name",
    ),
    "profiles in profiles": (
        with_fields(profiles={"a": {"profiles": {"a": {}}}}, default_profile="a"), "unknown field",
    ),
    "a profile that is a list": (with_fields(profiles=[["a"]]), "profiles: expected a mapping"),
}  # fmt: skip
