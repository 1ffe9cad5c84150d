"""Compute in single precision what half precision would blur."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def in_full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Switch automatic half precision off: it cannot tell neighbouring wavelengths, places or days apart."""
    # The meta device, which only counts, knows no precision to switch.
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)
