"""``parameters_export.yml``: what a trained model is exported as."""

from __future__ import annotations

from typing import Literal, TypeAlias

from groundwork.strict import Config

#: pt2: a program of torch.export. onnx: the format of ONNX Runtime, OpenVINO, TensorRT and QGIS Deepness.
ExportFormat: TypeAlias = Literal["pt2", "onnx"]
#: How an exported program is told which pixels hold data.
Validity: TypeAlias = Literal["masks", "nodata"]


class ExportConfig(Config):
    """What a trained model is exported as: one file that takes raw values and gives probabilities or numbers."""

    #: pt2: a program of ``torch.export``. onnx: for ONNX Runtime, OpenVINO, TensorRT and QGIS Deepness; it needs the
    #: extra ``onnx``.
    format: ExportFormat = "pt2"
    #: How the program is told which pixels hold data. masks: by a mask for each source beside its values. nodata: it
    #: sees itself, by the nodata value of the source and by NaN; then a model of one source has one input, as QGIS
    #: Deepness needs.
    validity: Validity = "masks"
    #: auto: any number of images, of any size, where the network allows. tiles: any number of images of
    #: ``inference.tile_size``, which QGIS Deepness needs. fixed: batches of ``inference.batch_size`` such tiles, which
    #: some accelerators need; of 8 where that is auto.
    sizes: Literal["auto", "tiles", "fixed"] = "auto"
