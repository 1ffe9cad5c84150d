"""Write ``docs/reference/configuration.md`` from the configuration classes and the component tables.

Run ``python docs/generate_reference.py`` after a change of either. A test checks that the page is in step.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fieldwork.tracking_config import TrackingConfig
from groundwork.cli.listing import FAMILIES
from groundwork.cli.words import as_yaml, described_arguments, first_line, in_yaml_words, type_in_words
from groundwork.config import (
    DataConfig,
    EvaluationConfig,
    ExportConfig,
    IndexingConfig,
    InferenceConfig,
    ModelConfig,
    RateSearchConfig,
    TrainingConfig,
)
from groundwork.config.component import ComponentConfig
from groundwork.data.augmentation import AUGMENTATIONS
from groundwork.data.sampling import SAMPLINGS
from groundwork.registry import Table, find, option_fields
from groundwork.tasks import TASKS
from groundwork.tasks.losses import LOSSES
from groundwork.tasks.number_losses import NUMBER_LOSSES
from groundwork.tasks.object_losses import OBJECT_LOSSES
from groundwork.tasks.optimizers import OPTIMIZERS
from groundwork.tasks.schedules import SCHEDULES
from groundwork.tasks.set_losses import SET_LOSSES
from groundwork.training.averaging import AVERAGES
from groundwork.training.loggers import LOGGERS

PAGE = Path(__file__).parent / "reference" / "configuration.md"

#: Top-level key -> class. Each stands in ``conf/base/parameters_<key>.yml``, unless PLACES says another file.
FILES: dict[str, type[BaseModel]] = {
    "data": DataConfig,
    "data_prep": IndexingConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
    "learning_rate_search": RateSearchConfig,
    "evaluation": EvaluationConfig,
    "inference": InferenceConfig,
    "export": ExportConfig,
    "tracking": TrackingConfig,
}

#: Key -> the file that it stands in.
PLACES = {"data_prep": "parameters_data"}

#: Where a component is named in YAML -> its table.
TABLES: dict[str, Table] = {
    **{f"model.{family}": table for family, table in FAMILIES.items() if family != "full_model"},
    "model.factory.model": FAMILIES["full_model"],
    "training.task": TASKS,
    "training.loss": {**LOSSES, **NUMBER_LOSSES, **SET_LOSSES, **OBJECT_LOSSES},
    "training.sampling": SAMPLINGS,
    "training.augmentation": AUGMENTATIONS,
    "training.optimizer": OPTIMIZERS,
    "training.schedule": SCHEDULES,
    "training.averaging": AVERAGES,
    "training.loggers": LOGGERS,
}

#: Meaning of keys whose name alone says it in the code; ``Class.key``.
MEANINGS: dict[str, str] = {
    "AsymmetricLoss.gamma_negative": "How steeply answers of no that are right already count less.",
    "AsymmetricLoss.gamma_positive": "How steeply answers of yes that are right already count less.",
    "AsymmetricLoss.margin": "Answers of no whose probability lies below it cost nothing.",
    "BinaryCrossEntropyLoss.positive_weights": (
        "What a yes counts: the number of noes for each yes in training, its root, or a number for each class."
    ),
    "BinaryFocalLoss.alpha": "What a yes counts, beside `1 - alpha` for a no; `null`: alike.",
    "BinaryFocalLoss.gamma": "How steeply answers that are right already count less.",
    "BandSpec.name": "The band's name, such as `RED` or `VV`; any text.",
    "BandSpec.offset": "Physical value = raw value * `scale` + `offset`.",
    "BandSpec.scale": "See `offset`. Models see raw values; the scale matters where scenes come in other units.",
    "BranchConfig.decoder": "The branch's decoder.",
    "BranchConfig.head": "The branch's head.",
    "ChipsConfig.size": "Side of a chip in pixels.",
    "ClassSpec.color": 'Colour in figures and colour tables, such as `"#2f6fb5"`.',
    "ClassSpec.name": "The class's name, in scores, figures and tags.",
    "ComponentConfig.name": "Name in the family's table, or an import path such as `my_package.decoders.MyDecoder`.",
    "DataConfig.chips": "How scenes are cut into chips; see below.",
    "DataConfig.split": "How chips are divided into train, val and test; see below.",
    "DataConfig.target": "What is predicted; see below.",
    "EvaluationConfig.batch_size": "Chips per batch.",
    "Fractions.test": "Share of the test split.",
    "Fractions.train": "Share of the training split.",
    "Fractions.val": "Share of the validation split.",
    "FreezeConfig.decoder": "Keep necks, decoders and heads as they are.",
    "RateSearchConfig.highest": "The last learning rate that is tried.",
    "RateSearchConfig.lowest": "The first learning rate that is tried.",
    "FreezeConfig.encoder": "Keep the encoder as it is.",
    "InferenceConfig.batch_size": "Tiles per batch.",
    "LoaderConfig.batch_size": "Chips per batch.",
    "LossTerm.name": "Name in the table of losses, or an import path.",
    "LossTerm.weight": "Factor of this loss in the sum.",
    "ModelConfig.adapters": "Small trained parts inside the encoder; see below. null: none.",
    "ModelConfig.auxiliary": "Branches by name, trained beside the decoder and left out of prediction.",
    "ModelConfig.decoder": "Name and options of the decoder.",
    "ModelConfig.encoder": "Name and options of the encoder.",
    "ModelConfig.factory": "What assembles the components.",
    "ModelConfig.head": "Name and options of the head.",
    "ModelConfig.necks": "Names and options of what stands between encoder and decoder, in order.",
    "HuberLoss.delta": "Where the square becomes the size, in deviations of an output.",
    "OutputSpec.name": "The output's name, in scores, figures and tags.",
    "RasterSpec.dtype": "Data type of the bands that are read.",
    "SplitConfig.fractions": "Shares of the splits, where they are drawn; see below.",
    "TargetSpec.classes": "The classes, in the order of the model's scores; see below.",
    "BandDropout.chance": "Chance of each band by itself; of the bands of a source, one is always left.",
    "Blur.sigma": "Largest sigma of the blur, in pixels; each chip draws its own.",
    "Crop.smallest": "Smallest side of the part, as a share of the side of the chip.",
    "CutMix.largest": "Largest share of a chip that is pasted.",
    "DropSource.chance": "Chance of each source by itself.",
    "DropSource.sources": "Names of such that are `optional`; empty: all that are.",
    "Gain.limit": "Largest share by which values are raised or lowered.",
    "Haze.exponent": "The shift falls with the wavelength to this power (Angstrom's exponent; 4 in clean air).",
    "Haze.limit": "Largest shift of the shortest wavelength, in standard deviations of each band.",
    "MixUp.alpha": "Parameter, twice, of the beta distribution that weights are drawn from.",
    "Noise.limit": "Largest deviation of the noise, in standard deviations of each band; each chip draws its own.",
    "Offset.limit": "Largest shift, in standard deviations of each band.",
    "Rotate.degrees": "Largest angle, to either side.",
    "Scale.largest": "Largest factor.",
    "Scale.smallest": "Smallest factor.",
    "Shear.degrees": "Largest angle, to either side.",
    "Shift.limit": "Largest shift, as a share of the side.",
    "Augmentation.chance": "How likely it is that a chip is changed.",
    "Augmentation.per_band": "Whether each band draws its own.",
    "Augmentation.sources": "Names of the sources that are changed; empty: all.",
    "AroundObjects.classes": "Names of the classes of which each window around objects holds a pixel.",
    "AroundObjects.samples_per_epoch": "Windows of an epoch; null: as many as the table has training chips.",
    "AroundObjects.share": "Share of the windows drawn around objects; the others lie anywhere, as of `random`.",
    "BalancedSampling.samples_per_epoch": "Chips of an epoch; null: as many as the table has.",
    "BalancedSampling.strength": "From 0, all chips alike, to 1, each class weighing the same over an epoch.",
    "RandomSampling.samples_per_epoch": "Windows of an epoch; null: as many as the table has training chips.",
    "TrainingConfig.freeze": "Parts whose weights stay; see below.",
    "TrainingConfig.loader": "How batches are read; see below.",
    "TrainingConfig.loss": "The losses that are added up; see below.",
    "TrainingConfig.max_epochs": "Number of epochs.",
    "TrainingConfig.optimizer": "Name and options of the optimiser.",
    "TrainingConfig.schedule": "Name and options of the learning-rate schedule.",
    "TrainingConfig.task": "What is learnt.",
    "AdamWRecipe.betas": "Decay of the running averages of gradient and squared gradient.",
    "AdamWRecipe.learning_rate": "Length of a step, before the schedule's factor.",
    "AdamWRecipe.weight_decay": "Decoupled weight decay.",
    "CosineSchedule.final": "Last learning rate, as a share of the highest.",
    "CosineSchedule.warmup": "Share of the training over which the learning rate rises.",
    "CrossEntropyLoss.class_weights": "Weight of each class: none, relative to its frequency, or one number per class.",
    "CrossEntropyLoss.label_smoothing": "Share of the target that is spread over all classes.",
    "DiceLoss.smooth": "Added to both sides of the fraction.",
    "SGDRecipe.learning_rate": "Length of a step, before the schedule's factor.",
    "SGDRecipe.momentum": "Share of the step before that is kept.",
    "SGDRecipe.nesterov": "Use Nesterov's momentum.",
    "SGDRecipe.weight_decay": "Weight decay.",
}

LIMITS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "min_length": "entries: at least"}


def render() -> str:
    """Return what the page must hold."""
    lines = [
        "# Configuration",
        "",
        "Written by `python docs/generate_reference.py` from the classes in `src/groundwork/config/`, `specs.py` and",
        "the component tables. Do not edit.",
        "",
        "Each top-level key is read by one class, and stands in the file that is named below. A key that is not",
        "listed here is refused, with the nearest known one. `conf/base/parameters.yml` holds `seed` (whole number),",
        "and `conf/base/parameters_sample_data.yml` the seed and the number of scenes of the embedded sample.",
    ]
    for key, kind in FILES.items():
        lines += ["", f"## {key}", "", f"`conf/base/{PLACES.get(key, f'parameters_{key}')}.yml`"]
        for number, (place, part) in enumerate(_classes(key, kind)):
            lines += _class_section(place, part, is_first=number == 0)
    lines += [
        "",
        "## Components",
        "",
        "A component is named, and every other key beside `name` is one of its options. A name with a dot is the",
        "import path of a component of your own: see [Add a component](../how-to/add-a-component.md).",
    ]
    for place, table in TABLES.items():
        lines += _table_section(place, table)
    return "\n".join(lines) + "\n"


def _classes(place: str, kind: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a class and those nested in it, each with its place in YAML."""
    yield place, kind
    if kind.__name__ == "RasterChanges":
        # Its keys are those of RasterSpec.
        return
    for name, field in kind.model_fields.items():
        for part in _nested(field.annotation):
            if part is not ComponentConfig:
                yield from _classes(f"{place}.{name}", part)


def _nested(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _nested(part)


def _class_section(place: str, kind: type[BaseModel], *, is_first: bool) -> list[str]:
    heading = [] if is_first else ["", f"### {place}"]
    module = kind.__module__.replace(".", "/")
    summary = first_line(kind)
    if kind.__name__ == "RasterSpec" and place.startswith("inference"):
        return [*heading, "", f"`RasterSpec`, with the keys of [data.sources](#datasources). {summary}"]
    if kind.__name__ == "RasterChanges":
        keys = ", ".join(f"`{name}`" for name in kind.model_fields)
        return ["", f"`RasterChanges`. {summary} They are {keys}."]
    if kind.__name__ == "BandSpec" and place.startswith("inference"):
        return []
    comments = _comments(kind)
    rows = []
    for name, field in kind.model_fields.items():
        meaning = comments.get(name) or _meaning(kind, name)
        rows.append(f"| `{name}` | {_kind_of(field)} | {_default_of(field)} | {_cell(meaning)} |")
    return [
        *heading,
        "",
        f"`src/{module}.py: {kind.__name__}`. {summary}",
        "",
        "| key | kind | default | meaning |",
        "|---|---|---|---|",
        *rows,
    ]


def _comments(kind: type[BaseModel]) -> dict[str, str]:
    """Return the ``#:`` comment above each field of a class."""
    found, waiting = {}, []
    for line in inspect.getsource(kind).splitlines():
        text = line.strip()
        if text.startswith("#:"):
            waiting.append(text.removeprefix("#:").strip())
        elif waiting:
            found[text.partition(":")[0]] = " ".join(waiting)
            waiting = []
    return found


def _meaning(kind: type, name: str) -> str:
    for part in kind.__mro__:
        if f"{part.__name__}.{name}" in MEANINGS:
            return MEANINGS[f"{part.__name__}.{name}"]
    raise KeyError(
        f"'{kind.__name__}.{name}' says nowhere what it means: give it a comment '#:', or a line in MEANINGS"
    )


def _kind_of(field: FieldInfo) -> str:
    limits = [
        f"{words} {getattr(limit, key):g}"
        for limit in field.metadata
        for key, words in LIMITS.items()
        if getattr(limit, key, None) is not None
    ]
    return _cell(", ".join([type_in_words(field.annotation), *limits]))


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, ComponentConfig):
        return f"`{{name: {value.name}}}`"
    if isinstance(value, tuple) and value and isinstance(value[0], ComponentConfig):
        return as_yaml([part.name for part in value])
    return "each key's own" if isinstance(value, BaseModel) else as_yaml(value)


def _table_section(place: str, table: Table) -> list[str]:
    lines = ["", f"### {place} by name"]
    for name in sorted(table):
        component = find(table, name)
        module = component.__module__.replace(".", "/")
        lines += ["", f"**`{name}`** (`src/{module}.py: {component.__name__}`). {first_line(component)}"]
        options = option_fields(component)
        if options:
            described = described_arguments(component)
            lines += ["", "| option | kind | default | meaning |", "|---|---|---|---|"]
            for option, (kind, default) in options.items():
                meaning = described.get(option) or _meaning(component, option)
                lines.append(f"| `{option}` | {_cell(type_in_words(kind))} | {as_yaml(default)} | {_cell(meaning)} |")
            for option, (kind, _) in options.items():
                lines += _option_section(option, kind)
        else:
            lines += ["", "No options."]
    return lines


def _option_section(option: str, kind: object) -> list[str]:
    """Return the keys of an option that has some of its own."""
    lines = []
    for part in _nested(kind):
        if issubclass(part, ComponentConfig):
            continue
        comments = _comments(part)
        lines += ["", f"`{option}`: {first_line(part)}", "", "| key | kind | default | meaning |", "|---|---|---|---|"]
        for name, field in part.model_fields.items():
            meaning = comments.get(name) or _meaning(part, name)
            lines.append(f"| `{name}` | {_kind_of(field)} | {_default_of(field)} | {_cell(meaning)} |")
        for name, field in part.model_fields.items():
            lines += _option_section(f"{option}.{name}", field.annotation)
    return lines


def _cell(text: str) -> str:
    """Return text in one cell of a table."""
    return in_yaml_words(text).replace("|", "\\|")


def main() -> int:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
