"""A STAC item that describes an exported file, by the extension for models (MLM)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pystac
from pystac.extensions.mlm import (
    AssetGeneralMLMExtension,
    InputStructure,
    MLMExtension,
    ModelBand,
    ModelInput,
    ModelOutput,
    ResultStructure,
)
from pystac.extensions.raster import DataType

from groundwork.export.description import Description, Length, ProgramInput
from groundwork.prediction.record import multihash
from groundwork.prediction.stac_model import (
    ALWAYS,
    CLASSIFICATION_SCHEMA,
    FILE_SCHEMA,
    bands_of,
    classes_of,
    stac_name,
    task_of,
)

#: What files are to STAC.
_MEDIA = {"onnx": "application/octet-stream; framework=onnx", "pt2": "application/zip; framework=pytorch"}
_ARTIFACTS = {"onnx": "onnx", "pt2": "torch.export.save"}


def stac_item(description: Description, file_name: str, sha256: str, size: int, parameters: int) -> dict[str, Any]:
    """Return the item as plain values.

    Args:
        description: What the file says of itself.
        file_name: It lies beside the item.
        sha256: Of the file.
        size: Of the file, in bytes.
        parameters: How many numbers the model has learnt.
    """
    begin, end = ALWAYS
    name = description.bundle.model.title()
    item = pystac.Item(
        id=f"groundwork-{description.weights}-{description.format}",
        geometry=None,
        bbox=None,
        datetime=None,
        start_datetime=begin,
        end_datetime=end,
        properties={"description": f"{name}, exported as {description.format}. {description.output.meaning}"},
    )
    pretrained = description.bundle.pretrained
    MLMExtension.ext(item, add_if_missing=True).apply(
        name=stac_name(name),
        architecture=name,
        tasks=[task_of("answers", description.bundle.target)],
        input=[_input(entry) for entry in description.inputs],
        output=[_output(description)],
        framework="ONNX" if description.format == "onnx" else "PyTorch",
        framework_version=description.torch_version,
        total_parameters=parameters,
        pretrained=bool(pretrained),
        pretrained_source=pretrained[0].source if pretrained else None,
        batch_size_suggestion=description.sizes.batch,
    )
    asset = pystac.Asset(
        href=f"./{file_name}", media_type=_MEDIA[description.format], roles=["mlm:model", "mlm:weights", "data"]
    )
    item.add_asset("model", asset)
    AssetGeneralMLMExtension.ext(asset).apply(artifact_type=_ARTIFACTS[description.format])
    item.stac_extensions += [CLASSIFICATION_SCHEMA, FILE_SCHEMA]
    # The extension looks for them among the properties.
    asset.extra_fields["bands"] = item.properties["bands"] = [
        said for entry in description.inputs for said in bands_of(entry.bands, entry.nodata)
    ]
    asset.extra_fields.update({"file:size": size, "file:checksum": multihash(sha256)})
    found: dict[str, Any] = item.to_dict(include_self_link=False)
    return found


def _input(entry: ProgramInput) -> ModelInput:
    structure = InputStructure.create(
        shape=_shape(entry.shape), dim_order=_order(entry), data_type=DataType(_data_type(entry))
    )
    bands = [ModelBand.create(name=band.name) for band in entry.bands]
    return ModelInput.create(name=entry.name, bands=bands, input=structure, description=entry.meaning)


def _data_type(entry: ProgramInput) -> str:
    # STAC knows no truth values.
    return "uint8" if entry.dtype == "bool" else entry.dtype


def _order(entry: ProgramInput) -> list[str]:
    names = {"values": ["batch", "bands"], "validity": ["batch"], "dates": ["batch", "time", "date"]}
    if entry.holds == "location":
        return ["batch", "coordinate"]
    known = names[entry.holds]
    if entry.holds == "dates":
        return known
    steps = ["time"] if len(entry.shape) > len(known) + 2 else []
    return [*known, *steps, "height", "width"]


def _output(description: Description) -> ModelOutput:
    output, target = description.output, description.bundle.target
    order = ["batch", "class" if target.classes else "number", "height", "width"][: len(output.shape)]
    result = ResultStructure.create(shape=_shape(output.shape), dim_order=order, data_type=DataType.FLOAT32)
    return ModelOutput.create(
        name=output.name,
        tasks=[task_of("answers", description.bundle.target)],
        result=result,
        description=output.meaning,
        classes=classes_of(target) or None,
    )


def _shape(shape: Sequence[Length]) -> list[int]:
    return [length if isinstance(length, int) else -1 for length in shape]
