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


def _of_prediction(stated: Stated, key: str) -> None:
    """Say that scenes to predict are read as those to learn from, where the file says otherwise."""
    usual = key.removeprefix("predict_")
    bands = stated.take(key)
    if bands is None or bands == (stated.look(usual) or stated.look("dataset_bands")):
        return
    text = f"scenes to predict have the bands of '{usual}' here, in its order, and not {bands}"
    if stated.look("predict_data_root"):
        stated.refuse(key, f"{text}: bring their files into that order, or leave 'predict_data_root' out")
    else:
        stated.change(key, text, "data.sources")


def _moved_together(stated: Stated, key: str) -> None:
    if stated.take(key) is False:
        stated.change(key, "sources of a chip move together, as they show the same ground")


def _only(silent: object, text: str) -> Callable[[Stated, str], None]:
    """Return what refuses a key at other values than the one that asks for nothing."""

    def read(stated: Stated, key: str) -> None:
        if stated.take(key) not in (None, silent):
            stated.refuse(key, text)

    return read


def _taken(stated: Stated, key: str) -> None:
    stated.take(key)


#: Keys of the generic datamodules that need no counterpart -> how each is passed over.
PASSED: Mapping[str, Callable[[Stated, str], None]] = {
    "no_data_replace": _filled,
    "drop_last": _kept,
    "allow_substring_split_file": _joined,
    "allow_substring_file_names": _joined,
    "predict_dataset_bands": _of_prediction,
    "predict_output_bands": _of_prediction,
    "shared_transforms": _moved_together,
    "tortilla_file": _only(None, "files of tortilla are not read here: write their rasters as GeoTIFF"),
    "data_with_sample_dim": _only(
        False, "a file holds one sample here: write a raster for each, or its dates as 'several-dates.md' says"
    ),
    "sample_num_modalities": _only(None, "a model sees all sources of a chip here: leave it out"),
    "prefix": _only("*", "write what names begin with into 'image_grep' and 'label_grep', as in 'part_*_s2.tif'"),
    "channel_position": _only(-3, "bands come first in rasters: write the files so"),
    **dict.fromkeys(
        (
            *("check_stackability", "pin_memory", "ignore_split_file_extensions", "expand_temporal_dimension"),
            *("data_root", "task", "num_classes", "class_names", "embedding_input", "pca_step", "sample_replace"),
            *("means", "stds", "constant_scale", "rgb_indices", "rgb_modality", "no_label_replace", "concat_bands"),
            *("allow_missing_modalities", "persistent_workers", "return_georeference", "img_grep", "label_grep"),
            *("reduce_zero_label", "use_metadata", "temporal_channel_major", "skip_file_checks"),
        ),
        _taken,
    ),
}
#: All keys that a generic datamodule may have, for near misses.
KNOWN = (*PASSED, "dataset_bands", "output_bands", "modalities", "image_grep", "batch_size", "num_workers")
