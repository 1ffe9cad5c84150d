"""Whether the bands hold what the encoder's published weights were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from groundwork.audit.findings import Finding, judge, make_finding
from groundwork.batch import by_name
from groundwork.config.data import DataConfig, read_by_model
from groundwork.config.model import ModelConfig
from groundwork.data.value_report import BandValues, ValueReport
from groundwork.errors import SpecError
from groundwork.models.assembly.extractor import ask_encoder
from groundwork.models.expectations import statistics_of
from groundwork.models.weights.info import EncoderInfo
from groundwork.specs import RasterSpec

#: Means that lie so many deviations of pre-training from those of pre-training deserve a look, and are wrong.
SOME_SHIFT, MOST_SHIFT = 2.0, 20.0
#: Deviations that differ by such factors.
SOME_STRETCH, MOST_STRETCH = 4.0, 50.0


def audit_encoder(values: ValueReport, data: DataConfig, model: ModelConfig) -> Iterator[Finding]:
    """Yield what is to be said of the training split and the statistics of the encoder's pre-training.

    Args:
        values: What each source holds in each split.
        data: What is stated of the sources.
        model: Names the encoder.

    Raises:
        SpecError: Where the encoder does not fit the rasters.
        ComponentError: For an unknown name or option.
    """
    if model.encoder is None and not model.encoders:
        yield make_finding("ok", "encoder", "the model has none that states what it was trained on", "")
        return
    if model.without_pretraining() == model:
        yield make_finding("ok", "encoder", "it starts from fresh weights, which expect nothing", "")
        return
    info = ask_encoder(model.without_pretraining(), by_name(read_by_model(data.sources))).info
    for source, spec in read_by_model(data.sources).items():
        if source not in info or not info[source].mean:
            found = f"its weights state no statistics for '{source}'"
            yield make_finding("ok", f"encoder and '{source}'", found, "")
            continue
        yield _compare(source, spec, info[source], values.splits["train"][source].bands)


def _compare(source: str, spec: RasterSpec, info: EncoderInfo, bands: Mapping[str, BandValues]) -> Finding:
    about = f"encoder and '{source}'"
    try:
        means, stds = statistics_of(info, spec)
    except SpecError as error:
        return make_finding("look", about, f"cannot be compared: {error}", "State unit and scale of the bands.")
    off, is_wrong = [], False
    for band, mean, std in zip(spec.used, means, stds, strict=True):
        found = bands[band.name]
        if found.mean is None or not found.std:
            continue
        shift, stretch = abs(found.mean - mean) / std, max(found.std / std, std / found.std)
        if shift > SOME_SHIFT or stretch > SOME_STRETCH:
            off.append(
                f"'{band.name}': mean {found.mean:.6g}, deviation {found.std:.4g}; pre-training {mean:.6g}, {std:.4g}"
            )
        is_wrong = is_wrong or shift > MOST_SHIFT or stretch > MOST_STRETCH
    return make_finding(
        judge(wrong=is_wrong, look=bool(off)),
        about,
        "; ".join(off) or "the bands are near the statistics of pre-training",
        "Check 'scale', 'offset' and 'unit' of these bands. With 'standardise: from_data' only their shape matters.",
    )
