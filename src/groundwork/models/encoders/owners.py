"""Which encoder a name belongs to that is none itself: its variants, and the models of zoos. Loads no zoo unasked."""

from __future__ import annotations

from importlib import import_module

from groundwork.models.encoders import ENCODERS, VARIANTS


def variants_of(encoder: str) -> list[str]:
    """Return the names of an encoder's variants, where it has a table of them."""
    if encoder not in VARIANTS:
        return []
    module, _, attribute = VARIANTS[encoder].partition(":")
    return sorted(getattr(import_module(module), attribute))


def owner_of_variant(name: str) -> str | None:
    """Return the encoder that has a variant of this name. None: there is none."""
    return next((encoder for encoder in VARIANTS if name in variants_of(encoder)), None)


def find_owner(name: str) -> tuple[str, str] | None:
    """Return the encoder that a name belongs to, and the option that takes it. None: there is none.

    Loads the zoos, where no encoder has a variant of this name.
    """
    variant = owner_of_variant(name)
    if variant is not None:
        return variant, "variant"
    zoo = _find_zoo(name)
    return None if zoo is None else (zoo, "model")


def advise(name: str) -> str:
    """Return a sentence on how to write a name that belongs to an encoder, or one near it. Empty: there is none."""
    owner = find_owner(name)
    if owner is not None:
        return f" Write {_write(*owner, name)}."
    if "." in name:
        return ""
    # It loads pydantic, which the list of components does without.
    from groundwork.strict import did_you_mean  # noqa: PLC0415

    variants = [variant for encoder in VARIANTS for variant in variants_of(encoder)]
    near = did_you_mean(name, [*ENCODERS, *variants])
    named = near.partition("'")[2].partition("'")[0]
    encoder = owner_of_variant(named)
    return "" if encoder is None else f" Did you mean {_write(encoder, 'variant', named)}?"


def _write(encoder: str, option: str, name: str) -> str:
    return f"{{name: {encoder}, {option}: {name}}}"


def _find_zoo(name: str) -> str | None:
    # Each takes seconds to load, for one sentence.
    import timm  # noqa: PLC0415
    from segmentation_models_pytorch.encoders import encoders as of_smp  # noqa: PLC0415

    from groundwork.models.encoders.torchgeo.encoder import list_entries  # noqa: PLC0415

    if timm.is_model(name):
        return "timm"
    if name in of_smp or (name.startswith("tu-") and timm.is_model(name[len("tu-") :])):
        return "smp"
    return "torchgeo" if name in list_entries() else None
