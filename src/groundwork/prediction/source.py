"""What the rasters of scenes hold, and how they are brought to what a model was trained on."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

import torch

from groundwork.bundle import Bundle
from groundwork.config.data import check_rules
from groundwork.config.inference import GridConfig, InferenceConfig
from groundwork.errors import RasterError, SpecError
from groundwork.models.engine import Conversion
from groundwork.rasters.checks import MOST_BETWEEN_LATITUDES
from groundwork.rasters.grid import Grid, name_crs
from groundwork.specs import BandSpec, RasterChanges, RasterSpec, TargetSpec
from groundwork.strict import did_you_mean

logger = logging.getLogger(__name__)

#: Keys that say what rasters hold.
_KEYS = {"sources", *RasterSpec.model_fields, *BandSpec.model_fields}
#: Pixels in degrees are never square on the ground; from this ratio of sides on they are others.
MOST_APART = 1.5


def scene_specs(inputs: Mapping[str, RasterSpec], config: InferenceConfig) -> dict[str, RasterSpec]:
    """Return what the scenes' rasters hold of each source: the bands that the model reads, by name.

    Args:
        inputs: Source -> what the model was trained on.
        config: With ``source`` or ``sources``, where the scenes' rasters hold something else.

    Raises:
        SpecError: Where a source is named that the model does not read, or one lacks a band of the model, has other
            time steps, or other units, or what is stated of it contradicts what is not.
    """
    if config.source is not None and len(inputs) > 1:
        raise SpecError(f"The model reads {sorted(inputs)}: name each that is different in 'inference.sources'.")
    given = dict(config.sources) if config.source is None else {next(iter(inputs)): config.source}
    for source in given:
        if source not in inputs:
            hint = did_you_mean(source, list(inputs))
            raise SpecError(f"'inference.sources' names '{source}', which the model does not read.{hint}")
    where = "inference.source" if config.source is not None else "inference.sources."
    specs = {
        source: _fit(given.get(source), spec, where + source if where[-1] == "." else where)
        for source, spec in inputs.items()
    }
    check_rules(specs)
    return specs if config.grid is None else {name: _onto(spec, config.grid) for name, spec in specs.items()}


def _onto(spec: RasterSpec, grid: GridConfig) -> RasterSpec:
    """Return what scenes hold once they lie on a declared grid."""
    if spec.georeference == "absent":
        raise SpecError(
            "'inference.grid' lies on the ground, and rasters of 'georeference: absent' do not: leave it out"
        )
    # Files may have pixels of any size then.
    changed = {"resampling": spec.resampling or grid.resampling, "pixel_size_m": None}
    return spec.model_copy(update=changed)


def _fit(stated: RasterSpec | RasterChanges | None, expected: RasterSpec, where: str) -> RasterSpec:
    """Return what scenes hold, with the model's bands in its order."""
    if stated is None:
        return expected
    found = stated.of(expected, where) if isinstance(stated, RasterChanges) else stated
    wanted = tuple(band.name for band in expected.used)
    missing = [name for name in wanted if name not in found.band_names]
    if missing or found.steps != expected.steps:
        raise SpecError(
            f"'{where}' has the bands {list(found.band_names)} and {found.steps} step(s); the model reads "
            f"{list(wanted)} and {expected.steps} step(s). Missing: {missing}."
        )
    # Bands that the model does not read are not read for a picture either.
    rgb = found.rgb if set(found.rgb or ()) <= set(wanted) else None
    # Stated alone, null means any size; beside bands it means that nothing is stated.
    is_any = isinstance(stated, RasterChanges) and stated.pixel_size_m is None and "pixel_size_m" in stated.stated
    size = None if is_any else found.pixel_size_m or expected.pixel_size_m
    kept = {"pixel_size_m": size, "rgb": rgb, "use": wanted}
    roles = {"reference": expected.reference, "optional": expected.optional}
    spec = RasterSpec.model_validate({**found.model_dump(), **kept, **roles})
    for ours, trained in zip(spec.used, expected.used, strict=True):
        _check_unit(ours, trained, where)
    return spec


def as_of_scenes(error: RasterError, inputs: Mapping[str, RasterSpec]) -> RasterError:
    """Return what is wrong with a scene, and where it is stated what scenes hold: the model's sources are settled."""
    path, found, expected, remedy = error.args
    if not _KEYS & set(re.findall(r"'(\w+)", f"{expected} {remedy}")) or "'inference." in remedy:
        return error
    where = "inference.source" if len(inputs) == 1 else "inference.sources"
    first, *others = remedy.split("\n")
    told = "\n".join([f"{first} For scenes to predict, that is said in '{where}'.", *others])
    return type(error)(path, found, expected, told)


def warn_of_ground(grids: Mapping[str, Grid], expected: float | None) -> None:
    """Say which scenes have pixels of another size on the ground than expected, where no check of files says it.

    These are scenes in degrees, of a source that may have any size, and scenes that are brought to a declared grid.

    Args:
        grids: Scene -> where the pixels of its prediction lie.
        expected: Side of a pixel in metres. None: nothing is known of it.
    """
    if expected is None:
        return
    others = {}
    for key, grid in grids.items():
        side = grid.ground_size
        if side is None or grid.crs is None:
            continue
        within = 1.01 if grid.keeps_lengths else 1 + MOST_BETWEEN_LATITUDES if grid.crs.is_projected else MOST_APART
        if not 1 / within <= side / expected <= within:
            others[key] = side
    if others:
        key, side = next(iter(others.items()))
        logger.warning(
            "The model reads pixels of %g m, and those of %d scene(s) have another size on the ground, such as '%s' in "
            "%s of about %.3g m: everything looks %.3g times as large to it. 'inference.grid' brings scenes to pixels "
            "of its size, in a CRS that keeps lengths, such as that of a UTM zone",
            expected,
            len(others),
            key,
            name_crs(grids[key].crs),
            side,
            expected / side,
        )


def require_answers(produces: str, config: InferenceConfig) -> None:
    """Refuse products of answers for a model that gives none.

    Raises:
        SpecError: With the option.
    """
    asked = {"polygons": config.polygons, "mosaic": config.mosaic}
    wanted = sorted(config.details | {name for name, option in asked.items() if option is not None})
    if produces != "answers" and wanted:
        named = " and ".join(f"'inference.{name}'" for name in wanted)
        raise SpecError(f"{named} would be made of answers, and the model gives {produces}: leave it out")


def require_meaning(target: TargetSpec, config: InferenceConfig) -> None:
    """Refuse options that have no meaning for what is predicted.

    Raises:
        SpecError: With the option.
    """
    wanted = sorted(config.details)
    if wanted and target.per == "object":
        named = " and ".join(f"'inference.{name}'" for name in wanted)
        raise SpecError(
            f"{named} would say something of each pixel, and the model finds objects, each with its score: set to false"
        )
    if config.polygons is not None and (not target.classes or target.per == "object" or target.multi_label):
        what = (
            "boxes" if target.per == "object" else "several classes of a tile at once" if target.classes else "no class"
        )
        raise SpecError(f"'inference.polygons' are outlines of classes, and the model gives {what}: set it to false")
    if config.mosaic is not None and (target.per in {"object", "nothing"} or not target.names):
        raise SpecError(
            "'inference.mosaic' puts maps of classes or numbers together; there are none here: leave it out"
        )
    if config.mosaic is not None and config.mosaic.overlaps == "mean" and target.classes and not config.probabilities:
        raise SpecError(
            "'inference.mosaic.overlaps: mean' is the mean of probabilities, which are written by 'probabilities: true'"
        )
    if config.sets and target.sets is None:
        raise SpecError(
            "'inference.sets' asks which classes are possible, and the bundle does not know from which probability on "
            "one is: train it with 'training.conformal: 0.1', or set it to false"
        )
    if config.probabilities and not target.classes:
        raise SpecError("'inference.probabilities' are those of classes, and the model gives numbers: set it to false")
    if config.entropy and not target.classes:
        raise SpecError("'inference.entropy' says how unsure the model is of a class; it gives none: set it to false")


def require_processes(bundle: Bundle, config: InferenceConfig) -> None:
    """Refuse several processes for what was read from an exported file, which cannot be given to them.

    Raises:
        SpecError: With what to set.
    """
    if bundle.exported is not None and (config.workers > 1 or config.engine != "processes"):
        raise SpecError(
            "'inference.workers' and 'engine' give the bundle to other processes, and an exported file stays in one: "
            "set 'workers: 1' and 'engine: processes', or predict with the bundle itself"
        )


def warn_of_pixel_size(spec: RasterSpec, expected: RasterSpec, where: str) -> None:
    """Say at the terminal where scenes of another declared pixel size than the training's are predicted."""
    declared, trained = spec.pixel_size_m, expected.pixel_size_m
    if declared is not None and trained is not None and abs(declared - trained) > 0.01 * trained:
        logger.warning(
            "The model was trained on pixels of %g m; '%s' declares %g m. Everything looks %.3g times as large to it: "
            "expect worse predictions, and compare them with what you know of the place.",
            trained,
            where,
            declared,
            trained / declared,
        )


def warn_of_steps(spec: RasterSpec, expected: RasterSpec, where: str) -> None:
    """Say at the terminal where pixels that hold data at some dates are predicted, and were never trained on."""
    if spec.has_validity_per_step and not expected.has_validity_per_step:
        logger.warning(
            "The model was trained on pixels that hold data at all %d dates; '%s' states %s, so that pixels are "
            "predicted that hold data at any of them, with the mean of each band for the others. It never learned what "
            "that means: one of change takes it for a change. Leave it out, or train with it.",
            expected.steps,
            where,
            "'too_few_dates: fill'" if spec.too_few_dates == "fill" else "'validity_per_step: true'",
        )


def unit_change(found: RasterSpec, expected: RasterSpec) -> Conversion | None:
    """Return what turns the scene's raw values into those the model was trained on. None: they are."""
    pairs = list(zip(found.used, expected.used, strict=True))
    if all((ours.scale, ours.offset) == (theirs.scale, theirs.offset) for ours, theirs in pairs):
        return None
    gain = torch.tensor([ours.scale / theirs.scale for ours, theirs in pairs])
    shift = torch.tensor([(ours.offset - theirs.offset) / theirs.scale for ours, theirs in pairs])
    # Shaped as the channels of an image (batch, channels[, steps], height, width).
    per_channel = (-1, *(1,) * (3 if expected.steps > 1 else 2))
    return Conversion(gain.reshape(per_channel), shift.reshape(per_channel))


def _check_unit(found: BandSpec, trained: BandSpec, where: str) -> None:
    """Refuse another unit, and a conversion that nobody stated: scales are comparable only within one unit."""
    if trained.unit is None:
        return
    converted = (found.scale, found.offset) != (trained.scale, trained.offset)
    if found.unit is None and converted:
        raise SpecError(
            f"'{where}' gives band '{found.name}' scale {found.scale:g} and offset {found.offset:g}, but no "
            f"unit; the model was trained on {trained.unit} (scale {trained.scale:g}, offset {trained.offset:g}). Set "
            f"'unit: {trained.unit}', if scale and offset lead to that, or correct them."
        )
    if found.unit is not None and found.unit.casefold() != trained.unit.casefold():
        raise SpecError(
            f"'{where}' gives band '{found.name}' in {found.unit}; the model was trained on {trained.unit}. "
            f"State scale and offset that lead to {trained.unit}, or convert the rasters, such as from dB to linear."
        )
