"""How scenes are predicted in tiles."""

from __future__ import annotations

from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.compatibility.terratorch.tasks import TaskKind

#: Side of a tile, and from one to the next, in pixels, where TerraTorch is told of one of them alone.
USUAL_TILE, USUAL_STRIDE = 224, 192


def read_inference(task: Stated, kind: TaskKind, size: int) -> Words:
    """Return what stands under ``inference``.

    Args:
        task: The arguments of the task.
        kind: What it learns.
        size: Side of a chip in pixels.
    """
    stated = task.section("tiled_inference_parameters")
    found: Words = {}
    task.take("output_most_probable")
    outputs = [text.lower() for text in task.texts("output_on_inference")]
    if kind.per != "pixel":
        found = {"tile_size": size, "overlap": 0 if kind.per == "image" else size // 2}
    if "probabilities" in outputs or task.flag("output_most_probable") is False:
        found["probabilities"] = True
    if "logits" in outputs:
        task.change("output_on_inference", "scores are written as probabilities", "inference.probabilities")
        found["probabilities"] = True
    crops = _lengths(stated, ("h_crop", "w_crop", "crop"))
    strides = _lengths(stated, ("h_stride", "w_stride", "stride"))
    batch = stated.whole("batch_size")
    if stated.flag("average_patches") is False:
        stated.change("average_patches", "where tiles overlap their scores are blended", "inference.overlap")
    for key in ("blend_overlaps", "verbose"):
        stated.take(key)
    stated.drop("delta", "the edge of each tile counts little, as tiles are blended")
    stated.drop("padding", "tiles lie within the scene")
    stated.finish(("h_crop", "w_crop", "h_stride", "w_stride", "average_patches", "batch_size"))
    if batch:
        found["batch_size"] = batch
    return found | _tiles(stated, crops, strides)


def _tiles(stated: Stated, crops: list[int], strides: list[int]) -> Words:
    if not crops and not strides:
        return {}
    tile = crops[0] if crops else USUAL_TILE
    stride = min(strides, default=min(USUAL_STRIDE, tile))
    if len(set(crops)) > 1:
        stated.refuse("h_crop", f"tiles are square here; found {crops}: take one of them for both")
    overlap = max(0, tile - stride)
    if 2 * overlap > tile:
        stated.change(
            "h_stride", f"tiles overlap by half at most: {tile // 2} pixels, not {overlap}", "inference.overlap"
        )
        overlap = tile // 2
    return {"tile_size": tile, "overlap": overlap}


def _lengths(stated: Stated, keys: tuple[str, ...]) -> list[int]:
    return [value for key in keys if (value := stated.whole(key)) is not None]
