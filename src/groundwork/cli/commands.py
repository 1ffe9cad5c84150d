"""The commands of Lightning, told without loading it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

#: Command -> what it does.
COMMANDS = {
    "fit": "train a model; what is known afterwards lies in the folder 'output'",
    "validate": "score what 'fit' left on the validation split",
    "test": "score what 'fit' left on the test split",
    "predict": "predict scenes with what 'fit' left",
    "compute-statistics": "look through the scenes, split them and compute statistics; nothing is trained",
}
_EPILOG = """
A file of configuration:
  seed_everything: 0
  output: runs/my_run
  data:    {class_path: groundwork.RasterDataModule, init_args: {places: ..., data: ...}}
  model:   {class_path: groundwork.SemanticSegmentationTask, init_args: {model: ..., training: ...}}
  trainer: {max_epochs: 12, accelerator: auto}

Every value can be changed by its path: --trainer.max_epochs 2, --model.training.loader.batch_size 4.
Other modules and datamodules of Lightning, such as TorchGeo's, are named by their class_path, and run by its Trainer.
"""


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether a command is asked what it does, and nothing else."""
    return any(argument in ("-h", "--help") for argument in arguments)


def show_help(command: str, arguments: Sequence[str]) -> None:
    """Print what a command takes, and end the process."""
    parser = argparse.ArgumentParser(
        prog=f"groundwork {command}",
        description=COMMANDS[command].capitalize() + ".",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="YAML; of several, later ones change earlier ones")
    parser.add_argument("--print_config", action="store_true", help="print all that is set, with Lightning's defaults")
    parser.add_argument("--help_all", action="store_true", help="print every option of Lightning's Trainer, and end")
    for part in ("trainer", "model", "data"):
        parser.add_argument(f"--{part}.<key>", metavar="VALUE", help=f"change a value under '{part}'")
    parser.add_argument("--model.help", "--data.help", metavar="CLASS", help="print the arguments of a class, and end")
    parser.add_argument("--output", metavar="FOLDER", help="where results lie")
    if command != "compute-statistics":
        parser.add_argument("--ckpt_path", metavar="PATH", help=_CHECKPOINT[command == "fit"])
    parser.parse_args(arguments)


_CHECKPOINT = {
    True: "a checkpoint of Lightning, for modules of others: training of this library goes on by itself",
    False: "a bundle in place of the one in 'output'; for modules of others, a checkpoint of Lightning",
}
