"""What STAC says of a bundle: its item by the extension for models (MLM), and the parts that exports share with it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unicodedata import combining, normalize

import pystac
from pystac.extensions.classification import Classification
from pystac.extensions.mlm import (
    AssetGeneralMLMExtension,
    InputStructure,
    MLMExtension,
    ModelBand,
    ModelInput,
    ModelOutput,
    ResultStructure,
    TaskType,
)
from pystac.extensions.raster import DataType

from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.specs import BandSpec, RasterSpec, TargetSpec

CLASSIFICATION_SCHEMA = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"
FILE_SCHEMA = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
#: A model is of no day: the item says so as the extension's own examples do.
ALWAYS = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
_TASKS = {
    ("classes", "pixel"): TaskType.SEMANTIC_SEGMENTATION,
    ("classes", "image"): TaskType.SCENE_CLASSIFICATION,
    ("classes", "object"): TaskType.OBJECT_DETECTION,
}
_OTHER_TASKS = {"reconstruction": TaskType.GENERATIVE, "embedding": TaskType.SIMILARITY_SEARCH}


def model_item(bundle: Bundle, bundle_hash: str, file_name: str, checksum: str, size: int) -> dict[str, Any]:
    """Return the item of a bundle as plain values. Its asset is the bundle's description; weights are named by hash.

    Args:
        bundle: What predicts.
        bundle_hash: Fingerprint of description and weights.
        file_name: The description lies beside the item.
        checksum: Of the description.
        size: Of the description, in bytes.
    """
    begin, end = ALWAYS
    config = bundle.config
    name = config.model.title()
    item = pystac.Item(
        id=f"groundwork-{bundle_hash}",
        geometry=None,
        bbox=None,
        datetime=None,
        start_datetime=begin,
        end_datetime=end,
        properties={"description": f"{name}, with the weights that predicted.", "groundwork:bundle": config.provenance},
    )
    pretrained = config.pretrained
    MLMExtension.ext(item, add_if_missing=True).apply(
        name=stac_name(name),
        architecture=name,
        tasks=[task_of(bundle.produces, config.target)],
        input=[_input(source, spec) for source, spec in read_by_model(config.inputs).items()],
        output=[_output(bundle)],
        framework="PyTorch",
        framework_version=config.provenance.get("version_torch"),
        total_parameters=sum(value.numel() for value in bundle.weights.values()),
        pretrained=bool(pretrained),
        pretrained_source=pretrained[0].source if pretrained else None,
    )
    asset = pystac.Asset(href=f"./{file_name}", media_type="application/json", roles=["mlm:model", "metadata"])
    item.add_asset("model", asset)
    AssetGeneralMLMExtension.ext(asset).apply(artifact_type="groundwork bundle")
    item.stac_extensions += [CLASSIFICATION_SCHEMA, FILE_SCHEMA]
    bands = [said for spec in read_by_model(config.inputs).values() for said in bands_of(spec.used, spec.nodata)]
    asset.extra_fields.update({"file:size": size, "file:checksum": checksum, "bands": bands})
    # The extension looks for them here, where STAC takes them only if an asset has them as well.
    item.properties["bands"] = bands
    found: dict[str, Any] = item.to_dict(include_self_link=False)
    return found


def stac_name(title: str) -> str:
    """Return what a model is called where letters, digits, spaces, points, hyphens and underscores are taken."""
    return re.sub(r"[^a-zA-Z0-9_.\-\s]", "-", title)


def bands_of(bands: Sequence[BandSpec], nodata: float | str | None) -> list[dict[str, Any]]:
    """Return what STAC says of bands that a model reads."""
    # JSON has no number for these; STAC writes them as text.
    said = str(nodata) if isinstance(nodata, float) and not math.isfinite(nodata) else nodata
    return [
        {"name": band.name}
        | ({} if band.unit is None else {"unit": band.unit})
        | ({} if said is None else {"nodata": said})
        | ({} if band.wavelength_nm is None else {"description": f"centre wavelength {band.wavelength_nm:g} nm"})
        for band in bands
    ]


def task_of(produces: str, target: TargetSpec) -> TaskType:
    """Return what STAC calls what a model does."""
    if produces in _OTHER_TASKS:
        return _OTHER_TASKS[produces]
    if target.objects is not None and target.objects.masks:
        return TaskType.INSTANCE_SEGMENTATION
    return _TASKS.get(("classes" if target.classes else "numbers", target.per), TaskType.REGRESSION)


def classes_of(target: TargetSpec) -> list[Classification]:
    """Return the classes; titles are as they are, names as STAC takes them: of letters of ASCII, digits, - and _.

    Names that would be alike, or have none of these, get the value of their class.
    """
    plain = [_plain(entry.name) for entry in target.classes]
    found = []
    for entry, name in zip(target.classes, plain, strict=True):
        told = name if name and plain.count(name) == 1 else f"{name or 'class'}_{entry.value}"
        color = entry.color[1:].upper()
        described = Classification.create(entry.value, entry.name, told, color_hint=color)
        described.properties["title"] = entry.name
        found.append(described)
    return found


def _plain(name: str) -> str:
    # Of a letter with a mark the letter is left.
    letters = "".join(letter for letter in normalize("NFKD", name) if not combining(letter))
    return re.sub(r"[^0-9A-Za-z_-]+", "_", letters).strip("_")


def _input(source: str, spec: RasterSpec) -> ModelInput:
    bands = [band.name for band in spec.used]
    steps = ["time"] if spec.steps > 1 else []
    shape = [-1, len(bands), *([spec.steps] if steps else []), -1, -1]
    structure = InputStructure.create(
        shape=shape, dim_order=["batch", "bands", *steps, "height", "width"], data_type=DataType(spec.dtype)
    )
    return ModelInput.create(name=source, bands=[ModelBand.create(name=name) for name in bands], input=structure)


def _output(bundle: Bundle) -> ModelOutput:
    target, produces = bundle.config.target, bundle.produces
    order = ["batch", "class" if target.classes else "number"]
    order += ["height", "width"] if target.per == "pixel" or produces != "answers" else []
    result = ResultStructure.create(shape=[-1] * len(order), dim_order=order, data_type=DataType.FLOAT32)
    return ModelOutput.create(
        name="scores" if produces == "answers" else produces,
        tasks=[task_of(produces, target)],
        result=result,
        classes=classes_of(target) or None,
    )
