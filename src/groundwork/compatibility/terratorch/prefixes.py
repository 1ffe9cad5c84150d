"""Arguments of a model's parts: with a prefix, in a mapping of their own, or, of an older factory, without any."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.compatibility.terratorch.stated import Stated, Words

PARTS = ("backbone", "decoder", "head")
#: What the older factory of Prithvi takes without a prefix.
UNPREFIXED = (
    *("bands", "pretrained", "num_frames", "in_channels", "in_chans", "img_size", "patch_size", "drop_path"),
    *("checkpoint_path", "ckpt_path", "pretrained_bands", "out_indices"),
)


def arguments_of(stated: Stated, part: str, *, unprefixed: bool = False) -> Stated:
    """Return the arguments of a part, as if they stood under its name.

    Args:
        stated: The arguments of the model.
        part: One of :data:`PARTS`.
        unprefixed: Whether the encoder's arguments may have no prefix.
    """
    own = stated.take(f"{part}_kwargs")
    words: Words = {str(key): value for key, value in own.items()} if isinstance(own, Mapping) else {}
    prefixed = [key for key in stated.keys() if key.startswith(f"{part}_") and key != f"{part}_kwargs"]  # noqa: SIM118
    if words and prefixed:
        stated.refuse(f"{part}_kwargs", f"{prefixed} stand beside it, which TerraTorch refuses: write all in one place")
    for key in prefixed:
        words[key.removeprefix(f"{part}_")] = stated.take(key)
    if unprefixed and part == "backbone":
        # What has no prefix wins over what has one, and published weights are the usual start.
        words |= {key: stated.take(key) for key in UNPREFIXED if key in stated}
        words["pretrained"] = stated.look("pretrained") is not False
    return Stated(words, f"{stated.path(part)}_*", stated.findings)
