"""Random changes to training chips by name."""

from __future__ import annotations

from groundwork.table import Table

_HERE = "groundwork.data.augmentation"

AUGMENTATIONS: Table = {
    "horizontal_flip": f"{_HERE}.symmetries:HorizontalFlip",
    "vertical_flip": f"{_HERE}.symmetries:VerticalFlip",
    "quarter_turns": f"{_HERE}.symmetries:QuarterTurns",
    "rotate": f"{_HERE}.moves:Rotate",
    "scale": f"{_HERE}.moves:Scale",
    "shear": f"{_HERE}.moves:Shear",
    "shift": f"{_HERE}.moves:Shift",
    "crop": f"{_HERE}.moves:Crop",
    "gain": f"{_HERE}.values:Gain",
    "offset": f"{_HERE}.values:Offset",
    "noise": f"{_HERE}.values:Noise",
    "haze": f"{_HERE}.haze:Haze",
    "blur": f"{_HERE}.blur:Blur",
    "band_dropout": f"{_HERE}.dropping:BandDropout",
    "drop_source": f"{_HERE}.dropping:DropSource",
    "cutmix": f"{_HERE}.mixing:CutMix",
    "mixup": f"{_HERE}.mixing:MixUp",
}
#: Those that make one chip of two.
MIXING = frozenset({"cutmix", "mixup"})
