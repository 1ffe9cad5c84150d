"""Transforms of albumentations: what changes a training chip, and what says how large chips are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from groundwork.compatibility.terratorch.stated import Stated, Words, of_class

#: They bring arrays into a shape, which chips have here by themselves.
DROPPED = (
    "ToTensorV2",
    "FlattenTemporalIntoChannels",
    "UnflattenTemporalFromChannels",
    "FlattenSamplesIntoChannels",
    "UnflattenSamplesFromChannels",
    "MultimodalTransforms",
    # Models grow images to a size that they can take by themselves.
    "Padding",
    "NoOp",
)


#: How transforms draw, and fill what comes in from outside: chips know what holds no data.
OF_DRAWING = (
    *("p", "always_apply", "interpolation", "mask_interpolation", "border_mode", "fill", "fill_mask", "value"),
    *("mask_value", "rotate_method", "method"),
)


@dataclass(slots=True)
class Chips:
    """What transforms say of chips."""

    #: Under ``training.augmentation``.
    changes: list[Words] = field(default_factory=list)
    #: Side of a chip in pixels. None: it is not said.
    size: int | None = None
    #: Side that whole images are resized to.
    resized: int | None = None
    #: Whether windows are drawn anew each epoch.
    is_random: bool = False
    #: Time steps, where a transform says how many.
    steps: int | None = None


def read_transforms(stated: Stated) -> Chips:
    """Translate the transforms of all splits."""
    chips = Chips()
    for key in ("train_transform", "val_transform", "test_transform", "predict_transform", "transform"):
        for entry in _entries(stated, key):
            _read(entry, chips, trains=key == "train_transform")
    return chips


def _entries(stated: Stated, key: str) -> list[Stated]:
    """Return transforms; of one source, where each has its own: all sources of a chip move together here."""
    value = stated.look(key)
    if not isinstance(value, Mapping) or "class_path" in value:
        return stated.sections(key)
    by_source = stated.section(key)
    found = [by_source.sections(source) for source in by_source.keys()]  # noqa: SIM118 - it is no mapping
    if len({str(value[source]) for source in value}) > 1:
        stated.change(key, "sources of a chip move together: the transforms of the first one are taken for all")
    return found[0] if found else []


def _read(entry: Stated, chips: Chips, *, trains: bool) -> None:
    place = entry.path("")[:-1]
    name, arguments = of_class(entry)
    entry.finish()
    if name in _SIZES:
        _SIZES[name](arguments, chips)
    if name == "Compose":
        _compose(arguments, chips, trains=trains)
    elif name in DROPPED:
        _pass_over(arguments, chips)
    elif name in _CHANGES:
        _change(name, arguments, chips, trains=trains)
    elif name not in _SIZES:
        known = sorted({*_CHANGES, *_SIZES})
        arguments.findings.refuse(
            place,
            f"'{name}' has no counterpart here. Leave it out, or take one of 'training.augmentation'; known: {known}",
        )
        return
    for key in OF_DRAWING:
        arguments.take(key)
    arguments.finish()


def _compose(arguments: Stated, chips: Chips, *, trains: bool) -> None:
    if arguments.number("p") not in (None, 1):
        arguments.change("p", "each transform is drawn by its own 'p', for all chips", "training.augmentation")
    for inner in arguments.sections("transforms"):
        _read(inner, chips, trains=trains)


def _change(name: str, arguments: Stated, chips: Chips, *, trains: bool) -> None:
    changes = _CHANGES[name](arguments)
    if trains:
        chips.changes += changes
    else:
        arguments.change("p", f"'{name}' changes what the model is judged on, and is left out")


def _pass_over(arguments: Stated, chips: Chips) -> None:
    chips.steps = arguments.whole("n_timesteps") or chips.steps
    for key in arguments.keys():  # noqa: SIM118 - it is no mapping
        arguments.take(key)


def _chance(arguments: Stated, usual: float) -> float:
    value = arguments.number("p")
    if arguments.flag("always_apply"):
        return 1.0
    return usual if value is None else value


def _flip(name: str) -> Callable[[Stated], list[Words]]:
    def read(arguments: Stated) -> list[Words]:
        return [_with_chance(name, _chance(arguments, 0.5), 0.5)]

    return read


def _with_chance(name: str, chance: float, usual: float) -> Words:
    return {"name": name} if chance == usual else {"name": name, "chance": chance}


def _d4(arguments: Stated) -> list[Words]:
    if _chance(arguments, 1.0) != 1.0:
        arguments.change("p", "turns and flips are each as likely here, the image as it is among them")
    # A flip and a quarter turn, both at random: each of the eight as likely.
    return [{"name": "horizontal_flip"}, {"name": "quarter_turns"}]


def _both_flips(arguments: Stated) -> list[Words]:
    _chance(arguments, 0.5)
    arguments.findings.change(arguments.path("p"), "one flip, the other or both: each is drawn by itself here")
    return [{"name": "horizontal_flip"}, {"name": "vertical_flip"}]


def _turns(arguments: Stated) -> list[Words]:
    if _chance(arguments, 0.5) != 1:
        arguments.findings.change(arguments.path("p"), "each of the four quarter turns is as likely here")
    return [{"name": "quarter_turns"}]


def _rotate(arguments: Stated) -> list[Words]:
    limit = arguments.numbers("limit") or [90.0]
    degrees = max(abs(number) for number in limit)
    if len(limit) > 1 and limit[0] != -limit[-1]:
        arguments.change("limit", f"chips are turned to both sides, by up to {degrees:g} degrees")
    arguments.pass_over("crop_border", "what turns in from outside is not known here, and counts for nothing")
    return [_with_chance("rotate", _chance(arguments, 0.5), 1.0) | {"degrees": degrees}]


def _resized_crop(arguments: Stated) -> list[Words]:
    shares = arguments.numbers("scale") or [0.08, 1.0]
    arguments.take("ratio")
    arguments.findings.change(arguments.path("ratio"), "parts keep the shape of the chip")
    if shares[-1] != 1:
        arguments.change("scale", f"parts may be as large as the chip, and not {shares[-1]:g} of it at most")
    smallest = float(f"{shares[0] ** 0.5:.4g}")
    return [_with_chance("crop", _chance(arguments, 1.0), 1.0) | {"smallest": smallest}]


def _noise(arguments: Stated) -> list[Words]:
    for key in ("var_limit", "std_range", "mean", "mean_range", "per_channel", "noise_scale_factor"):
        arguments.take(key)
    text = "noise is measured in deviations of each band: up to 0.1 of one, in each chip"
    arguments.findings.change(arguments.path("p"), text)
    return [{"name": "noise", "limit": 0.1}]


def _brightness(arguments: Stated) -> list[Words]:
    limits = {
        ours: max(abs(number) for number in (arguments.numbers(theirs) or [0.2]))
        for ours, theirs in (("gain", "contrast_limit"), ("offset", "brightness_limit"))
    }
    for key in ("brightness_by_max", "ensure_safe_range"):
        arguments.take(key)
    arguments.findings.change(
        arguments.path("p"),
        "contrast is a factor on all bands of a chip, brightness a shift in deviations of each band, both to either "
        "side and in each chip",
    )
    return [{"name": name, "limit": limit} for name, limit in limits.items() if limit]


def _crop_size(arguments: Stated, chips: Chips) -> None:
    chips.size, chips.is_random = _side(arguments) or chips.size, True
    if arguments.number("p") not in (None, 1):
        arguments.change("p", "all chips are windows of this size", "training.sampling")
    arguments.pass_over("pad_if_needed", "chips lie within the image here")


def _resized_size(arguments: Stated, chips: Chips) -> None:
    chips.size = _side(arguments) or chips.size


def _center_size(arguments: Stated, chips: Chips) -> None:
    side = _side(arguments)
    chips.size = chips.size or side
    arguments.findings.change(
        arguments.path("height"), "models are judged on chips of all of an image, not on its middle"
    )


def _resize(arguments: Stated, chips: Chips) -> None:
    side = _side(arguments)
    chips.size, chips.resized = chips.size or side, side


def _side(arguments: Stated) -> int | None:
    size = arguments.wholes("size")
    height, width = arguments.whole("height"), arguments.whole("width")
    sides = {side for side in (*size, height, width) if side is not None}
    if len(sides) > 1:
        arguments.refuse("height", f"chips are square here; found {sorted(sides)}. Take one of them for both")
    return min(sides, default=None)


_CHANGES: Mapping[str, Callable[[Stated], list[Words]]] = {
    "D4": _d4,
    "HorizontalFlip": _flip("horizontal_flip"),
    "VerticalFlip": _flip("vertical_flip"),
    "Flip": _both_flips,
    "RandomRotate90": _turns,
    "Rotate": _rotate,
    "SafeRotate": _rotate,
    "RandomResizedCrop": _resized_crop,
    "GaussNoise": _noise,
    "RandomBrightnessContrast": _brightness,
}
_SIZES: Mapping[str, Callable[[Stated, Chips], None]] = {
    "RandomCrop": _crop_size,
    "RandomResizedCrop": _resized_size,
    "CenterCrop": _center_size,
    "Resize": _resize,
    "SmallestMaxSize": _resize,
}
