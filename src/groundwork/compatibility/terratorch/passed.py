"""Keys of datamodules that need no counterpart here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from groundwork.compatibility.terratorch.stated import Stated


def _filled(stated: Stated, key: str) -> None:
    stated.drop(key, "where there is no data the model sees the mean of each band, and losses and scores leave it out")


def _kept(stated: Stated, key: str) -> None:
    if stated.take(key):
        stated.change(key, "every image is learnt from here, those of the last batch too")


def _joined(stated: Stated, key: str) -> None:
    if stated.take(key):
        stated.change(key, "names are compared whole: image and label have one key")


def _taken(stated: Stated, key: str) -> None:
    stated.take(key)


#: Keys of the generic datamodules that need no counterpart -> how each is passed over.
PASSED: Mapping[str, Callable[[Stated, str], None]] = {
    "no_data_replace": _filled,
    "drop_last": _kept,
    "allow_substring_split_file": _joined,
    "allow_substring_file_names": _joined,
    **dict.fromkeys(
        (
            *(
                "check_stackability",
                "concat_bands",
                "pin_memory",
                "ignore_split_file_extensions",
                "expand_temporal_dimension",
            ),
            *("predict_dataset_bands", "predict_output_bands", "data_root", "task", "num_classes", "class_names"),
            *(
                "means",
                "stds",
                "constant_scale",
                "rgb_indices",
                "rgb_modality",
                "shared_transforms",
                "no_label_replace",
            ),
            *("allow_missing_modalities", "channel_position", "persistent_workers", "return_georeference", "img_grep"),
            *("reduce_zero_label", "use_metadata", "temporal_channel_major", "label_grep", "skip_file_checks"),
            "concat_bands",
        ),
        _taken,
    ),
}
#: All keys that a generic datamodule may have, for near misses.
KNOWN = (*PASSED, "dataset_bands", "output_bands", "modalities", "image_grep", "batch_size", "num_workers")
