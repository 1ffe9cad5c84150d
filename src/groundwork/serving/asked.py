"""What a request asks for."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator

from groundwork.bundle import Bundle
from groundwork.config.inference import AreaConfig, InferenceConfig
from groundwork.prediction.products import CHIPS, POLYGONS
from groundwork.serving.refusals import RefusedError
from groundwork.strict import Config, explain
from groundwork.targets.classes import CLASSES
from groundwork.targets.measures import DEVIATIONS, NUMBERS
from groundwork.targets.objects import OBJECTS

Format: TypeAlias = Literal["tif", "geojson", "png"]
MEDIA_TYPES: dict[Format, str] = {
    "tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    "geojson": "application/geo+json",
    "png": "image/png",
}


Address: TypeAlias = Annotated[str, Field(max_length=2000)]


class Fetched(Config):
    """A raster that the server fetches, or one of each source."""

    #: One that begins as the server's owner allows.
    address: Address | None = None
    #: Source -> such an address; of a source with a file for each date, ``<source>_<date>`` -> the address of one.
    addresses: dict[str, Address] = Field(default={})

    @model_validator(mode="after")
    def _check(self) -> Fetched:
        if (self.address is None) == (not self.addresses):
            raise ValueError("name one address, or the 'addresses' of all sources by name")
        return self


class Asked(Config):
    """A product of a scene, in a format."""

    #: Such as classes, probabilities or objects. None: the answer itself.
    product: str | None = None
    #: None: the first that holds the product.
    format: Format | None = None
    #: West, south, east and north of the ground that is wanted. None: all that the raster shows.
    bounds: tuple[float, float, float, float] | None = None
    #: Of ``bounds``.
    crs: str = "EPSG:4326"


def settings_for(asked: Asked, product: str, base: InferenceConfig) -> InferenceConfig:
    """Return how a scene is predicted so that a product comes of it.

    Raises:
        RefusedError: For bounds that are none.
    """
    details = {name: name == product for name in ("probabilities", "entropy", "sets")}
    # Who sends a broken file has a whole one, or is to know that it is broken.
    # A request is a scene of its own, and nothing of an earlier one is there.
    fixed = {"mosaic": None, "items": False, "overwrite": True, "shard": None, "on_bad_block": "refuse"}
    changes = {**base.model_dump(), **details, **fixed}
    if product == POLYGONS:
        changes["polygons"] = changes["polygons"] or {}
    if asked.bounds is not None:
        try:
            changes["area"] = AreaConfig(bounds=asked.bounds, crs=asked.crs).model_dump()
        except ValidationError as error:
            raise RefusedError(422, f"{in_words('bounds', error)}. Correct 'bounds'.") from error
    return InferenceConfig.model_validate(changes)


def in_words(name: str, error: ValidationError) -> str:
    """Return what is wrong in one line, as the configuration is refused.

    Args:
        name: Of what was sent.
        error: What pydantic says of it.
    """
    return "; ".join(line.strip() for line in explain(name, error).splitlines())


def settled(asked: Asked, bundle: Bundle) -> tuple[str, Format]:
    """Return the product that a request asks for, and the format that it is given in.

    Raises:
        RefusedError: For a product that the format cannot hold, or none can, with those that there are.
    """
    known = {form: products for form, products in products_of(bundle).items() if products}
    if asked.format is not None and asked.format not in known:
        formats = ", ".join(known)
        raise RefusedError(422, f"The model gives nothing that '{asked.format}' can hold. Formats: {formats}.")
    able = known if asked.format is None else {asked.format: known[asked.format]}
    for form, products in able.items():
        if asked.product is None or asked.product in products:
            return asked.product or products[0], form
    if asked.format is not None:
        listed = ", ".join(known[asked.format])
        raise RefusedError(422, f"As '{asked.format}' the model gives {listed}; found the product '{asked.product}'.")
    listed = "; ".join(f"as '{form}' {', '.join(products)}" for form, products in known.items())
    raise RefusedError(422, f"The model gives {listed}; found the product '{asked.product}'.")


def products_of(bundle: Bundle) -> dict[Format, tuple[str, ...]]:
    """Return the products of a model by format, the answer itself first."""
    target = bundle.config.target
    if bundle.produces != "answers":
        return {"tif": ({"embedding": "embeddings"}.get(bundle.produces, bundle.produces),), "geojson": (), "png": ()}
    if target.per == "object":
        return {"tif": (), "geojson": (OBJECTS,), "png": ()}
    if not target.classes:
        numbers = (NUMBERS, DEVIATIONS) if target.deviation else (NUMBERS,)
        return {"tif": numbers, "geojson": (CHIPS,) if target.per == "image" else (), "png": ()}
    rasters = (CLASSES, "probabilities", "entropy", *(("sets",) if target.sets is not None else ()))
    if target.multi_label:
        return {"tif": rasters, "geojson": (CHIPS,), "png": ()}
    return {"tif": rasters, "geojson": (CHIPS if target.per == "image" else POLYGONS,), "png": (CLASSES,)}
