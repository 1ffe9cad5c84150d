"""Compile a model by ``torch.compile``, for a training or for prediction."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import torch

from groundwork.errors import ComponentError
from groundwork.models.interface import Model

#: What turns generated code into a program: on a processor one of C++, for a GPU one of C, beside Triton.
_CPP = ("g++", "clang++", "c++")
_C = ("gcc", "clang", "cc")


def require_compiler(device: torch.device, option: str) -> None:
    """Refuse to compile where the programs that it takes are not there.

    Args:
        device: What is computed on.
        option: The parameter that asks for it.

    Raises:
        ComponentError: With what to install.
    """
    on_gpu = device.type == "cuda"
    variable, known = ("CC", _C) if on_gpu else ("CXX", _CPP)
    wanted = (os.environ[variable],) if os.environ.get(variable) else known
    if all(shutil.which(name) is None for name in wanted):
        language = "C" if on_gpu else "C++"
        raise ComponentError(
            f"{option} needs a {language} compiler, and none of {list(wanted)} is there. Install one, such as the "
            f"package g++, name it in the environment variable {variable}, or set 'compile: false'"
        )
    if on_gpu and find_spec("triton") is None:
        raise ComponentError(
            f"{option} needs the package triton on a GPU. Install it (`pip install triton`), or set 'compile: false'"
        )


def compile_model(model: Model) -> None:
    """Let a model be compiled when it is first asked. Names of its weights stay as they are."""
    # `torch.compile(model)` would wrap it, and put `_orig_mod.` before each name.
    model.compile()
