"""The product of a suite's axes as trials, each after the parent it is fine-tuned from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from ttq_bench.data.catalog import ImagesCard
from ttq_bench.errors import SuiteError
from ttq_bench.models.catalog import MODELS
from ttq_bench.spec.trial import CONTINUED, FULL_PRECISION, FolderImages, Quantization, TrialSpec
from ttq_bench.suite.lines import Origin, at
from ttq_bench.suite.schema import Selection, Suite
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy


@dataclass(frozen=True, slots=True)
class Point:
    """One place in the grid; ``strategy`` is None for methods without a threshold."""

    dataset: str
    model: str
    method: str
    strategy: DeltaStrategy | None
    seed: int


def expand(suite: Suite, cards: Mapping[str, ImagesCard], where: str | Origin) -> list[TrialSpec]:
    """Return the trials of ``suite``, parents before children, none twice.

    ``cards`` says for each dataset of the suite which images stand for it. Raises
    ``SuiteError`` for selections that match nothing, contradict each other, or leave no trial, and
    for images of a folder that have not the size that a model takes.
    """
    _check_folders(suite, cards, where)
    points = _selected(suite, list(_product(suite)), where)
    networks: dict[tuple[str, str, int], TrialSpec] = {}
    parents: dict[tuple[str, str, int], TrialSpec] = {}
    children: dict[str, TrialSpec] = {}
    for point in points:
        network = _network(point)
        if network not in networks:
            networks[network] = _parent(suite, point, cards[point.dataset])
        if point.method == FULL_PRECISION or suite.start == "parent":
            parents[network] = networks[network]
        if point.method != FULL_PRECISION:
            for child in _children(suite, point, networks[network]):
                children[child.trial_id] = child
    return [*parents.values(), *children.values()]


def _check_folders(suite: Suite, cards: Mapping[str, ImagesCard], where: str | Origin) -> None:
    for card in cards.values():
        for model in () if card.in_table else suite.models:
            needs = MODELS[model].image_shape
            if card.image_shape != needs:
                raise SuiteError(
                    f"{at(where, 'models')}: models: {model!r} takes images of {needs}, all of"
                    f" {card.name} are {card.image_shape}; resize them, or choose"
                    " another model"
                )


def _product(suite: Suite) -> Iterator[Point]:
    methods = list(suite.methods)
    continues = suite.continue_full_precision and suite.start == "parent"
    if continues and any(METHODS[m].is_quantized for m in methods):
        methods.append(CONTINUED)
    for seed, dataset, model, method in product(suite.seeds, suite.datasets, suite.models, methods):
        chosen = METHODS.get(method)
        own = (chosen.strategy if chosen else None,)
        for strategy in suite.delta_strategies if chosen and chosen.takes_strategy else own:
            yield Point(dataset, model, method, strategy, seed)


def _selected(suite: Suite, points: list[Point], where: str | Origin) -> list[Point]:
    kept = points
    for number, selection in enumerate(suite.exclude):
        place = f"{at(where, 'exclude', number)}: exclude.{number}: ({selection.describe()})"
        gone = {point for point in points if _matches(selection, point)}
        if not gone:
            raise SuiteError(f"{place} matches no trial of the grid")
        kept = [point for point in kept if point not in gone]
        orphans = {_network(point) for point in gone if point.method == FULL_PRECISION}
        if suite.start == "parent" and orphans & {_network(point) for point in kept}:
            raise SuiteError(
                f"{place} takes out full_precision,"
                " from which trials that stay are fine-tuned; exclude these too"
            )
    for number, selection in enumerate(suite.include):
        place = f"{at(where, 'include', number)}: include.{number}: ({selection.describe()})"
        back = [point for point in points if _matches(selection, point)]
        if not back:
            raise SuiteError(
                f"{place} matches no trial of the axes; include brings back what exclude took out"
            )
        present = set(kept)
        if present.issuperset(back):
            raise SuiteError(f"{place} is in the grid already")
        present.update(back)
        kept = [point for point in points if point in present]
    if not kept:
        raise SuiteError(f"{at(where, 'exclude')}: exclude: the selections together leave no trial")
    return kept


def _network(point: Point) -> tuple[str, str, int]:
    return point.dataset, point.model, point.seed


def _matches(selection: Selection, point: Point) -> bool:
    strategy = point.strategy
    names: dict[str, set[object]] = {
        "dataset": {point.dataset},
        "model": {point.model},
        "method": {point.method},
        # By its name, or with its number: max_fraction(0.05).
        "delta_strategy": {strategy.name, str(strategy)} if strategy else set(),
        "seed": {point.seed},
    }
    chosen = selection.model_dump(exclude_none=True)
    return all(not names[axis].isdisjoint(values) for axis, values in chosen.items())


def _recorded_images(card: ImagesCard) -> FolderImages | None:
    if card.in_table:
        return None
    return FolderImages(
        image_shape=card.image_shape,
        classes=card.classes,
        train_count=card.train_count,
        test_count=card.test_count,
    )


def _parent(suite: Suite, point: Point, card: ImagesCard) -> TrialSpec:
    return TrialSpec(
        protocol=suite.parent_protocol or suite.protocol,
        dataset=card.name,
        data_fingerprint=card.fingerprint,
        validation_count=card.validation_count,
        images=_recorded_images(card),
        model=point.model,
        seed=point.seed,
        recipe=suite.training.full_precision,
    )


def _children(suite: Suite, point: Point, parent: TrialSpec) -> Iterator[TrialSpec]:
    """Yield the fine-tuned trials of one point: one for each learning rate and repeat."""
    child, usual = _child(suite, point, parent), suite.training.fine_tuned
    for rate, repeat in product(
        suite.learning_rates or (usual.learning_rate,), range(suite.repeats)
    ):
        recipe = usual.model_copy(update={"learning_rate": rate})
        yield child.model_copy(update={"recipe": recipe, "repeat": repeat})


def _child(suite: Suite, point: Point, parent: TrialSpec) -> TrialSpec:
    quantization = None
    if point.method in METHODS:
        quantization = Quantization(
            method=point.method, strategy=point.strategy, conversion=suite.conversion
        )
    changes: dict[str, object] = {"protocol": suite.protocol, "quantization": quantization}
    if suite.start == "parent":
        changes |= {"parent": parent.trial_id}
    return parent.model_copy(update=changes)
