"""Make a bundle of what another library has trained."""

from __future__ import annotations

from pathlib import Path

from groundwork.bundle import save_bundle
from groundwork.cli.files import read_whole
from groundwork.compatibility.terratorch.translate import is_terratorch
from groundwork.compatibility.terratorch_weights.importing import LastBlock, import_checkpoint
from groundwork.errors import BundleError, TranslationError

#: What a folder is called that nobody names: after the checkpoint.
SUFFIX = ".bundle"


def import_file(checkpoint: Path, config: Path, output: Path | None, last_block: LastBlock | None = None) -> str:
    """Write a bundle, and return what there is to say of it as text.

    Args:
        checkpoint: What was trained.
        config: The YAML that it was trained with.
        output: The folder. None: beside the checkpoint, named after it.
        last_block: See :func:`groundwork.compatibility.terratorch_weights.importing.import_checkpoint`.

    Raises:
        BundleError: Where the folder is there already.
        DataError: For a YAML that cannot be read.
        WeightsError: For a checkpoint that cannot be read.
        TranslationError: For a YAML of another library, and what cannot be brought over exactly.
    """
    folder = output or checkpoint.with_suffix(SUFFIX)
    if folder.exists():
        raise BundleError(f"{folder} is there already: name another folder in --output, or remove it.")
    stated = read_whole(config)
    if not is_terratorch(stated):
        raise TranslationError(f"{config}: 'model.class_path' names no task of TerraTorch, whose checkpoints are read.")
    found = import_checkpoint(checkpoint, stated, config.name, last_block)
    save_bundle(found.bundle, folder)
    return f"{found}\nWritten: {folder}\n"
