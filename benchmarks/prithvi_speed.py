"""Forward and backward of Prithvi against timm's vision transformer of the same size, in turns in one run.

Arguments: sizes, of 100 and 300 (millions of parameters). Without: both.
"""

from __future__ import annotations

import sys
import time

import timm
import torch
from torch import nn

from groundwork.batch import Images
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.specs import RasterSpec

BANDS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
#: Millions of parameters -> Prithvi's variant, timm's network, rounds.
PAIRS = {
    100: ("prithvi_eo_v2_100_tl", "vit_base_patch16_224", 7),
    300: ("prithvi_eo_v2_300", "vit_large_patch16_224", 5),
}


def main(sizes: list[int]) -> None:
    """Print the seconds of each, and their ratio."""
    for size in sizes:
        variant, name, rounds = PAIRS[size]
        raster = RasterSpec(bands=BANDS, dtype="int16", nodata=None)
        ours = PrithviViT({"hls": raster}, variant=variant, out_indices=(-1,))
        theirs = timm.create_model(name, num_classes=0, global_pool="", in_chans=len(BANDS))
        image = torch.randn(2, len(BANDS), 224, 224)
        given = (Images({"hls": image}), image)
        times: list[list[float]] = [[], []]
        for turn in range(rounds + 1):
            for index, network in enumerate((ours, theirs)):
                took = seconds(network, given[index])
                # The first round warms up.
                if turn:
                    times[index].append(took)
        best = [min(each) for each in times]
        print(f"{variant} {best[0]:.3f} s, timm's {name} {best[1]:.3f} s: {best[0] / best[1]:.3f}")


def seconds(network: nn.Module, image: torch.Tensor | Images) -> float:
    """Return how long one forward and backward takes."""
    network.zero_grad(set_to_none=True)
    start = time.perf_counter()
    given = network(image)
    (given[-1] if isinstance(given, list) else given).sum().backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(PAIRS))
