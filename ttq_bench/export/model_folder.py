"""A trained network as model hubs take it: ``model.safetensors``, ``config.json``, ``README.md``.

``packed_file.py`` packs the weights. ``README.md`` is a model card: front matter in YAML, which
hubs index, and what the record says. By ``SHA256SUMS`` a later export recognises a card that its
owner edited, and does not replace it.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ttq_bench import __version__
from ttq_bench.errors import ResultsError
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.export.packed_file import FORMAT
from ttq_bench.export.sizes import Size
from ttq_bench.files import replaceable, unreadable, write_atomically
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.seal import SEAL, digests, seal_bytes, sha256
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.methods import METHODS
from ttq_bench.text import one_line

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
MARKS = {CONFIG: b'"library_name": "ttq_bench"', CARD: b"library_name: ttq_bench"}  # in our files
REMEDY = "give it another name, or name another folder with --to"
LOADED = """\
import torch
from ttq_bench.export.packed_file import load_packed

model, spec = load_packed("model.safetensors")
mean, deviation = (torch.tensor(side).view(-1, 1, 1) for side in ({mean}, {deviation}))
pixels = torch.zeros(1, {shape})  # 0..255, [N, C, H, W]
print(model((pixels - mean) / deviation).argmax(1))
"""


def folder_texts(
    record: TrialRecord, spec: TrialSpec, facts: ImageFacts | None, sizes: Sequence[Size]
) -> dict[str, bytes]:
    """Return the content of ``config.json`` and ``README.md``, which follow from the record."""
    config = json.dumps(_config(spec, facts), indent=2, sort_keys=True) + "\n"
    front = yaml.safe_dump(_front_matter(record, spec), sort_keys=False, allow_unicode=True)
    card = "\n".join(["---", f"{front}---", "", *_card(record, spec, facts, sizes)])
    return {CONFIG: config.encode(), CARD: card.encode()}


def check_folder(folder: Path, texts: Mapping[str, bytes]) -> None:
    """Raise ``ResultsError`` where a text would replace one of the user's, or one that was edited.

    Replaced are only texts that ``SHA256SUMS`` lists with the digests that they have.
    """
    try:
        lines = (folder / SEAL).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        lines = []
    except OSError as error:
        raise unreadable(folder / SEAL, error) from error
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if foreign := listed.keys() - {WEIGHTS, *texts}:
        name = one_line(min(foreign), 80)
        raise ResultsError(f"{folder / SEAL}: lists {name!r}, so it is none of an export; {REMEDY}")
    refusal = f"was edited since an export, or is none of one; {REMEDY}"
    for name, content in texts.items():
        known = {sha256(content)}
        if name in listed:
            known.add(listed[name])
        replaceable(folder / name, partial(_is_ours, name, known), refusal)


def _is_ours(name: str, known: Collection[str], present: bytes) -> bool:
    """Return whether a text is one of an export: by its own mark and a known digest."""
    return MARKS[name] in present and sha256(present) in known


def write_folder(folder: Path, weights: bytes, texts: Mapping[str, bytes]) -> None:
    """Write the files, each whole or not at all, and then the list of their digests."""
    files = {WEIGHTS: weights, **texts}
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / SEAL, seal_bytes(digests(files)))


def _config(spec: TrialSpec, facts: ImageFacts | None) -> dict[str, Any]:
    config = {
        "library_name": "ttq_bench",
        "format": FORMAT,
        "model_type": spec.model,
        "trial_id": spec.trial_id,
        "num_labels": spec.card.classes,
        "image_shape": spec.card.image_shape,
        "spec": spec.resolved(),
    }
    if facts is not None:
        config |= {"pixel_mean": facts.mean, "pixel_deviation": facts.deviation}
        if facts.class_names:
            config["id2label"] = {str(n): name for n, name in enumerate(facts.class_names)}
    return config


def _front_matter(record: TrialRecord, spec: TrialSpec) -> dict[str, Any]:
    assert record.errors is not None  # of a finished trial
    assert spec.quantization is not None
    accuracy = {
        "type": "accuracy", "name": "test accuracy (%)",
        "value": round(100 - record.errors.final_percent, 4),
    }  # fmt: skip
    dataset = {"name": spec.dataset, "type": spec.dataset, "split": "test"}
    result = {
        "task": {"type": "image-classification"},
        "dataset": dataset,
        "metrics": [accuracy],
    }
    return {
        "library_name": "ttq_bench",
        "pipeline_tag": "image-classification",
        "tags": [
            "quantization",
            *["ternary"] * (METHODS[spec.quantization.method].levels == "three"),
            spec.quantization.method,
            spec.model,
        ],
        "model-index": [{"name": spec.trial_id, "results": [result]}],
    }


def _card(
    record: TrialRecord, spec: TrialSpec, facts: ImageFacts | None, sizes: Sequence[Size]
) -> list[str]:
    images = f"{spec.dataset}, {spec.card.test_count:,} test images"
    channels, height, width = spec.card.image_shape
    return [
        f"# {spec.model}, {spec.arm} {spec.strategy}".rstrip(), "",
        f"A network of {record.parameter_count:,} parameters. Each weight of its quantized layers"
        f" has one of {_values(spec)}. It was trained by"
        " `ttq_bench`, a reproduction of *Trained Ternary Quantization* (arXiv 1612.01064)."
        f" It is the trial `{spec.trial_id}`, of one seed ({spec.seed}).", "",
        "## Numbers", "",
        "| what | value | measured on |", "| --- | ---: | --- |",
        *_rows(record, images, sizes), "",
        f"Images are fingerprinted `{_plain(spec.data_fingerprint)}`. Another seed"
        " gives other numbers.",
        *_circumstances(record, spec), "",
        "## Use", "",
        "For research on quantized networks: to compare scales, sparsity and errors. It was tested"
        f" on the images above alone, and takes images of {channels} x {height} x {width}, with"
        f" {spec.card.classes} classes. It computes with unpacked weights, so it is small in"
        " storage and not faster. Do not rely on it where a wrong class does harm.", "",
        *_loading(spec, facts),
    ]  # fmt: skip


def _values(spec: TrialSpec) -> str:
    """Return in words which values a quantized weight takes."""
    assert spec.quantization is not None
    method = METHODS[spec.quantization.method]
    count = {"three": "three values: positive, zero, negative", "two": "two values: its sign"}
    scales = {
        "learned_pair": "times a learned scale for each sign",
        "learned_one": "times one learned scale",
        "ones": "without a scale",
    }.get(method.scales, "times a scale computed from the weights")
    return f"{count[method.levels]}, {scales}"


def _rows(record: TrialRecord, images: str, sizes: Sequence[Size]) -> list[str]:
    assert record.errors is not None
    errors, whole = record.errors, sizes[-1]
    rows = [
        ("test error after the last epoch", f"{errors.final_percent:.2f} %", images),
        (f"test error at the best validation error (epoch {errors.best_validation_epoch})",
         f"{errors.at_best_validation_percent:.2f} %", images),
    ]  # fmt: skip
    if errors.final_top5_percent is not None:
        rows.append(("top-5 test error", f"{errors.final_top5_percent:.2f} %", images))
    if record.start is not None:
        start = f"{record.start.test_error_percent:.2f} %"
        rows.append(("test error of the parent, in full precision", start, images))
    if record.sparsity is not None:
        share = f"{100 * record.sparsity:.1f} %"
        rows.append(("zeros among quantized weights", share, "the quantized layers"))
    size = f"{whole.packed_bytes:,} bytes, {whole.ratio:.2f} times less"
    rows.append(("size of all tensors", size, f"against {whole.dense_bytes:,} bytes dense"))
    return [f"| {' | '.join(row)} |" for row in rows]


def _circumstances(record: TrialRecord, spec: TrialSpec) -> list[str]:
    provenance = record.provenance
    versions = ", ".join(
        f"{name} {_plain(provenance[name])}"
        for name in ("ttq_bench", "torch")
        if name in provenance
    )
    return [
        f"Trained for {record.epochs_done} epochs in {spec.recipe.precision}, protocol"
        f" {spec.protocol}, on {_plain(record.run.get('device_name', 'an unknown device'))};"
        f" {versions}, commit {_plain(provenance.get('commit', 'unknown'))}."
    ]


def _plain(text: object) -> str:
    """Return free text of a record without characters that have a meaning in Markdown or HTML."""
    return re.sub(r"[^\w .,:+()-]", "?", one_line(str(text), 100))


def _loading(spec: TrialSpec, facts: ImageFacts | None) -> list[str]:
    lines = ["## Load", "", f"With the package `ttq_bench` {__version__}:", "", "```python"]
    if facts is None:
        code = LOADED.partition("mean, deviation")[0].replace("import torch\n", "")
    else:
        shape = ", ".join(map(str, spec.card.image_shape))
        code = LOADED.format(mean=list(facts.mean), deviation=list(facts.deviation), shape=shape)
    return [*lines, code.rstrip(), "```", ""]
