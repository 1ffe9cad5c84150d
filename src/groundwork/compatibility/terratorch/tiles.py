"""How scenes are predicted in tiles."""

from __future__ import annotations

from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.compatibility.terratorch.tasks import TaskKind


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
    for key in ("average_patches", "blend_overlaps", "verbose"):
        stated.take(key)
    stated.drop("delta", "the edge of each tile counts little, as tiles are blended")
    stated.drop("padding", "tiles lie within the scene")
    stated.finish(("h_crop", "w_crop", "h_stride", "w_stride", "average_patches", "batch_size"))
    if batch:
        found["batch_size"] = batch
    return found | _tiles(stated, crops, strides)


def _tiles(stated: Stated, crops: list[int], strides: list[int]) -> Words:
    if not crops:
        return {}
    tile, stride = crops[0], min(strides, default=crops[0])
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
