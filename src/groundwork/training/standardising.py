"""Which statistics raw values are standardised by: those of the data, or given ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from groundwork.bundle import BundleConfig
from groundwork.config.data import read_by_model
from groundwork.config.model import ModelConfig
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.models.interface import Model
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean

#: Given statistics that lie further off than this, in deviations or as a factor, are mostly in another unit.
MOST_SHIFT, MOST_STRETCH = 10.0, 20.0

logger = logging.getLogger(__name__)


def require_statistics(model: ModelConfig, inputs: Mapping[str, RasterSpec]) -> None:
    """Refuse given statistics that lack a band that the model sees, or name another one.

    Args:
        model: With ``statistics``, where they are given.
        inputs: Source -> what its rasters hold, of those that the model sees.

    Raises:
        SpecError: With the names.
    """
    if model.standardise != "given":
        return
    read = {f"{source}.{band.name}" for source, spec in inputs.items() for band in spec.used}
    stated = {f"{source}.{band}" for source, bands in model.statistics.items() for band in bands}
    missing, unknown = sorted(read - stated), sorted(stated - read)
    if missing or unknown:
        hints = "".join(did_you_mean(name, missing) for name in unknown)
        raise SpecError(
            f"'model.statistics' must name each band that is read, and no other: it lacks {missing}, and names "
            f"{unknown} beyond them.{hints}"
        )


def set_given_statistics(network: Model, model: ModelConfig, inputs: Mapping[str, RasterSpec]) -> None:
    """Standardise by what the configuration states, where it states that."""
    if model.standardise != "given":
        return
    for source, spec in inputs.items():
        bands = [model.statistics[source][band.name] for band in spec.used]
        network.set_statistics([band.mean for band in bands], [band.std for band in bands], source)


def set_statistics(model: Model, config: BundleConfig, statistics: Statistics) -> None:
    """Set what the training split says: of outputs, and of bands where these are standardised by it."""
    inputs = read_by_model(config.inputs)
    if config.model.standardise == "from_data":
        for source, raster in inputs.items():
            bands = statistics.of_bands(source, raster)
            model.set_statistics([band.mean for band in bands], [band.std for band in bands], source)
    if config.model.standardise == "given":
        _warn_of_other_units(config.model, inputs, statistics)
    numbers = [statistics.target.numbers[output.name] for output in config.target.outputs]
    if numbers:
        model.set_output_statistics([number.mean for number in numbers], [number.std for number in numbers])


def _warn_of_other_units(model: ModelConfig, inputs: Mapping[str, RasterSpec], statistics: Statistics) -> None:
    """Say where given statistics cannot be those of the rasters: a wrong unit is silent, and ruins everything."""
    far = []
    for source, spec in inputs.items():
        for band, found in zip(spec.used, statistics.of_bands(source, spec), strict=True):
            given = model.statistics[source][band.name]
            stretch = max(given.std / found.std, found.std / given.std)
            if abs(found.mean - given.mean) > MOST_SHIFT * given.std or stretch > MOST_STRETCH:
                far.append(
                    f"{source}.{band.name}: given {given.mean:.6g} and {given.std:.4g}, found {found.mean:.6g} and "
                    f"{found.std:.4g}"
                )
    if far:
        logger.warning(
            "'model.statistics' are far from what the training split holds (mean and deviation): %s. They are in raw "
            "values of the files: were they of scaled values, divide them by the scale.",
            "; ".join(far),
        )
