"""Bundles: what is written is what is read, always the same bytes, whole or not at all; strangers run no code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from groundwork import bundle as module
from groundwork.batch import Images
from groundwork.bundle import Bundle, build_factory, load_bundle, save_bundle
from groundwork.bundle_formats import FORMAT_VERSION, describe_anew
from groundwork.config import ModelConfig
from groundwork.errors import BundleError, SpecError
from groundwork.models.decoders.fcn import FCNDecoder
from groundwork.specs import FeatureSpec


@pytest.fixture
def saved(tmp_path: Path, tiny_bundle: Bundle) -> Path:
    save_bundle(tiny_bundle, tmp_path / "models" / "trained")
    return tmp_path / "models" / "trained"


def _edit(path: Path, **changes: Any) -> None:
    file = path / "bundle.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


# --- there and back -------------------------------------------------------------------------------------------------


def test_what_is_written_is_what_is_read(saved: Path, tiny_bundle: Bundle) -> None:
    again = load_bundle(saved)
    assert again.config == tiny_bundle.config
    assert again.weights.keys() == tiny_bundle.weights.keys()
    for name, value in tiny_bundle.weights.items():
        assert again.weights[name].dtype == value.dtype
        assert torch.equal(again.weights[name], value)


def test_the_model_predicts_the_same_after_the_journey(saved: Path, tiny_bundle: Bundle) -> None:
    image = torch.randn(1, 3, 40, 50) * 1000
    models = [bundle.build_model() for bundle in (tiny_bundle, load_bundle(saved))]
    assert not any(model.training for model in models)
    with torch.inference_mode():
        one, other = (model(Images({"optical": image})).output for model in models)
    assert torch.equal(one, other)


def test_the_same_bundle_gives_the_same_bytes(saved: Path, tmp_path: Path, tiny_bundle: Bundle) -> None:
    backwards = Bundle(tiny_bundle.config, dict(reversed(tiny_bundle.weights.items())))
    save_bundle(backwards, tmp_path / "elsewhere")
    save_bundle(load_bundle(saved), tmp_path / "again")
    for name in ("bundle.json", "weights.safetensors"):
        assert (tmp_path / "elsewhere" / name).read_bytes() == (saved / name).read_bytes()
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()


def test_a_bundle_replaces_an_earlier_one_and_leaves_nothing_beside_it(saved: Path, tiny_initial: Bundle) -> None:
    save_bundle(tiny_initial, saved)
    assert not load_bundle(saved).config.trained
    assert [entry.name for entry in saved.parent.iterdir()] == ["trained"]
    assert sorted(entry.name for entry in saved.iterdir()) == ["bundle.json", "weights.safetensors"]


def test_it_says_all_that_prediction_needs(saved: Path) -> None:
    words = json.loads((saved / "bundle.json").read_text())
    assert words["format_version"] == FORMAT_VERSION == 3
    assert [band["name"] for band in words["inputs"]["optical"]["bands"]] == ["A", "B", "C"]
    assert [entry["name"] for entry in words["target"]["classes"]] == ["water", "forest", "field"]
    assert words["model"]["encoder"] == {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}
    assert str(saved.parent) not in (saved / "bundle.json").read_text()


@pytest.mark.parametrize("part", ["target", "inputs", "model"])
def test_a_description_that_was_edited_is_refused(saved: Path, part: str) -> None:
    raw = json.loads((saved / "bundle.json").read_text())
    if part == "target":
        first, second, *_ = raw["target"]["classes"]
        first["name"], second["name"] = second["name"], first["name"]
    elif part == "inputs":
        raw["inputs"]["optical"]["bands"].reverse()
    else:
        raw["model"]["encoder"]["out_indices"] = [0, 2]
    (saved / "bundle.json").write_text(json.dumps(raw))
    with pytest.raises(
        BundleError, match=r"bundle.json is not the description that was written with weights.safetensors"
    ):
        load_bundle(saved)


def test_looks_and_origin_may_be_edited_and_its_lines_laid_out_anew(saved: Path) -> None:
    raw = json.loads((saved / "bundle.json").read_text())
    raw["target"]["classes"][0]["color"] = "#123456"
    raw["provenance"]["note"] = "of the spring"
    (saved / "bundle.json").write_text(json.dumps(raw, indent=1).replace("\n", "\r\n"))
    assert load_bundle(saved).config.target.classes[0].color == "#123456"


def test_a_newer_format_says_so(saved: Path) -> None:
    _edit(saved, format_version=99)
    with pytest.raises(BundleError, match=r"found format version 99; .* A newer one wrote the bundle: update this one"):
        load_bundle(saved)


# --- earlier formats ------------------------------------------------------------------------------------------------


def test_a_bundle_of_the_first_format_is_read(saved: Path, tiny_bundle: Bundle) -> None:
    weights = load_file(saved / "weights.safetensors")
    first = {name.replace("standardise.optical.", "standardise."): value for name, value in weights.items()}
    assert first.keys() - weights.keys() == {"standardise.mean", "standardise.std"}
    save_file(first, saved / "weights.safetensors")
    _edit(saved, format_version=1)
    again = load_bundle(saved)
    assert again.config == tiny_bundle.config
    assert again.weights.keys() == tiny_bundle.weights.keys()
    assert torch.equal(again.weights["standardise.optical.mean"], tiny_bundle.weights["standardise.optical.mean"])
    again.build_model()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "croma", "model": "base"}, {"name": "croma", "variant": "base"}),
        ({"name": "timm", "model": "test_resnet"}, {"name": "timm", "model": "test_resnet"}),
        (
            {"name": "prithvi_vit", "image_size": 32, "network": {"prompts": {"tokens": 2}}},
            {"name": "prithvi_vit", "image_size": 32, "prompts": {"tokens": 2}},
        ),
        (
            {"name": "prithvi_vit_adapter", "adapter": {"drop_path": 0.1, "heads": 2}},
            {"name": "prithvi_vit_adapter", "adapter": {"heads": 2}, "drop_path": 0.1},
        ),
        (
            {"name": "per_date", "encoder": {"name": "dofa", "model": "base"}},
            {"name": "per_date", "encoder": {"name": "dofa", "variant": "base"}, "masked": False},
        ),
    ],
)
def test_options_of_the_first_format_have_their_new_names(first: dict[str, Any], second: dict[str, Any]) -> None:
    words = {"format_version": 1, "model": {"encoder": first, "encoders": {"a": first}}}
    found = describe_anew(words)
    assert found == {"format_version": FORMAT_VERSION, "model": {"encoder": second, "encoders": {"a": second}}}
    assert describe_anew(found) == found
    assert words["model"]["encoder"] is first
    assert "variant" not in first


def test_dates_of_the_second_format_are_pooled_as_they_were_learned() -> None:
    inner = {"name": "per_date", "encoder": {"name": "unet"}, "pooling": "mean"}
    words = {"format_version": 2, "model": {"encoder": inner, "encoders": {"a": {"name": "x", "encoder": inner}}}}
    kept = {"masked": False, **inner}
    model = {"encoder": kept, "encoders": {"a": {"name": "x", "encoder": kept}}}
    assert describe_anew(words) == {"format_version": FORMAT_VERSION, "model": model}
    stated = {"encoder": {**inner, "masked": True}, "encoders": {}}
    assert describe_anew({"format_version": 2, "model": stated})["model"] == stated
    assert describe_anew({"format_version": 3, "model": {"encoder": inner}})["model"] == {"encoder": inner}


# --- never half a bundle --------------------------------------------------------------------------------------------


def test_a_failure_while_writing_leaves_the_earlier_bundle_whole(
    saved: Path, tiny_bundle: Bundle, tiny_initial: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: dict[str, torch.Tensor], path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "save_file", fail)
        with pytest.raises(OSError, match="No space left"):
            save_bundle(tiny_initial, saved)
        with pytest.raises(OSError, match="No space left"):
            save_bundle(tiny_initial, saved.with_name("other"))
    assert load_bundle(saved).config == tiny_bundle.config
    assert not saved.with_name("other").exists()
    for name in ("trained", "other"):
        save_bundle(tiny_bundle, saved.with_name(name))
    assert sorted(entry.name for entry in saved.parent.iterdir()) == ["other", "trained"]


def test_a_killed_process_leaves_the_earlier_bundle_whole(saved: Path, tiny_bundle: Bundle) -> None:
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    code = f"""
        import os, signal
        from pathlib import Path
        from groundwork import bundle
        def half(weights, path, metadata):
            path.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        path = Path({str(saved)!r})
        loaded = bundle.load_bundle(path)
        bundle.save_file = half
        bundle.save_bundle(loaded, path)
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
    save_bundle(tiny_bundle, saved)
    assert [entry.name for entry in saved.parent.iterdir()] == ["trained"]


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_weights_may_be_read_by_whom_the_umask_lets(tmp_path: Path, tiny_bundle: Bundle, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        save_bundle(tiny_bundle, tmp_path / "bundle")
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "bundle").iterdir()}
    assert modes == {"bundle.json": mode, "weights.safetensors": mode}


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 4, "1", None])
def test_another_format_is_refused(saved: Path, version: object) -> None:
    _edit(saved, format_version=version)
    message = rf"bundle.json: found format version {version!r}; this version of groundwork reads \[1, 2, 3\]"
    with pytest.raises(BundleError, match=message):
        load_bundle(saved)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("models/trainde", "trainde: found no such folder; expected that of a bundle. Did you mean 'trained'? In"),
        ("nowhere/bundle", "nowhere/bundle: found no such folder; expected that of a bundle. In"),
        ("models", "models: found no bundle.json; expected the folder of a bundle; there: {tmp}/models/trained."),
        ("empty", "empty: found no bundle.json; expected the folder of a bundle; there is none."),
        ("models/trained/bundle.json", "and not a file of it. Name {tmp}/models/trained."),
        ("model.pt2", "model.pt2: found an exported file; expected the folder of a bundle. `groundwork bundle predict"),
        ("note.txt", "note.txt: found a file; expected the folder of a bundle."),
    ],
)
def test_a_place_without_a_bundle_is_named_with_what_is_there(
    tmp_path: Path, tiny_bundle: Bundle, place: str, message: str
) -> None:
    save_bundle(tiny_bundle, tmp_path / "models/trained")
    (tmp_path / "empty").mkdir()
    for name in ("model.pt2", "note.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(BundleError) as raised:
        load_bundle(tmp_path / place)
    assert message.format(tmp=tmp_path) in str(raised.value)
    assert "Errno" not in str(raised.value)


def test_files_that_are_no_bundle_are_named(saved: Path) -> None:
    (saved / "bundle.json").write_text('{"format_version": 1, ')
    with pytest.raises(
        BundleError, match=r"bundle.json cannot be read as a bundle's description: .*delimiter|Expecting"
    ):
        load_bundle(saved)
    for content in ("[]", "1"):
        (saved / "bundle.json").write_text(content)
        with pytest.raises(BundleError, match=r"bundle.json: found format version None"):
            load_bundle(saved)


def test_an_unknown_key_is_named(saved: Path) -> None:
    _edit(saved, trainde=True)
    with pytest.raises(
        BundleError, match=r"bundle.json is not a valid bundle description: (.|\n)*'trainde'. Did you mean 'tr"
    ):
        load_bundle(saved)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights_are_refused(saved: Path, share: float) -> None:
    file = saved / "weights.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BundleError, match=r"weights.safetensors cannot be read as safetensors"):
        load_bundle(saved)


def test_missing_weights_are_refused(saved: Path) -> None:
    (saved / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"found bundle.json without weights.safetensors; expected both"):
        load_bundle(saved)


def test_weights_of_another_architecture_are_refused(tiny_bundle: Bundle) -> None:
    fewer = {name: value for name, value in tiny_bundle.weights.items() if not name.startswith("head.")}
    with pytest.raises(BundleError, match=r"weights do not fit its architecture: (.|\n)*Missing key.*head"):
        Bundle(tiny_bundle.config, fewer).build_model()


def test_an_untrained_bundle_says_what_to_run(tiny_initial: Bundle, tiny_bundle: Bundle) -> None:
    tiny_bundle.require_trained()
    with pytest.raises(BundleError, match=r"never trained: train it first"):
        tiny_initial.require_trained()


def test_the_reference_is_one_of_several_sources(tiny_bundle: Bundle) -> None:
    spec = tiny_bundle.config.inputs[tiny_bundle.reference]
    several = {"a": spec, "b": spec.model_copy(update={"reference": True})}
    assert Bundle(tiny_bundle.config.model_copy(update={"inputs": several}), {}).reference == "b"
    nobody = tiny_bundle.config.model_copy(update={"inputs": {"a": spec, "b": spec}})
    with pytest.raises(SpecError, match=r"of the sources \['a', 'b'\], none is the reference.*'reference: true'"):
        _ = Bundle(nobody, {}).reference


# --- code of strangers ----------------------------------------------------------------------------------------------


class OwnDecoder(FCNDecoder):
    """A user's own component."""

    def __init__(self, features: FeatureSpec, *, channels: int = 16) -> None:
        super().__init__(features, channels=channels)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's that notes when it is imported."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "stranger_of_groundwork.py").write_text(
        "from pathlib import Path\n"
        f"Path({str(folder / 'imported')!r}).touch()\n"
        "from groundwork.models.decoders.fcn import FCNDecoder\n"
        "class Own(FCNDecoder):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    return "stranger_of_groundwork"


@pytest.mark.parametrize("separator", [".", ":"])
@pytest.mark.parametrize("place", ["decoder", "encoder", "head", "factory", "neck", "branch decoder", "branch head"])
def test_a_component_of_ones_own_runs_only_where_its_module_is_allowed(
    saved: Path, own_module: str, place: str, separator: str
) -> None:
    name = f"{own_module}{separator}Own"
    own = {"name": name, "channels": 16}
    model = json.loads((saved / "bundle.json").read_text())["model"]
    changes = {
        "decoder": {"decoder": own},
        "encoder": {"encoder": own},
        "head": {"head": own},
        "factory": {"factory": name},
        "neck": {"necks": [own]},
        "branch decoder": {"auxiliary": {"side": {"decoder": own}}},
        "branch head": {"auxiliary": {"side": {"decoder": {"name": "fcn"}, "head": own}}},
    }
    _edit(saved, model=model | changes[place])
    message = rf"names the component '{name}', whose code would be run. .*allow the module '{own_module}' by name"
    for allowed in ((), ("stranger_of",), ("json",)):
        with pytest.raises(BundleError, match=message):
            load_bundle(saved, allow_modules=allowed)
    assert not (saved.parents[1] / "code" / "imported").exists()
    assert own_module not in sys.modules


def test_an_allowed_module_is_used(saved: Path, own_module: str) -> None:
    model = json.loads((saved / "bundle.json").read_text())["model"]
    _edit(saved, model=model | {"decoder": {"name": f"{own_module}.Own", "channels": 16}})
    # As one that was made with it, and not edited by hand.
    save_file(load_file(saved / "weights.safetensors"), saved / "weights.safetensors")
    try:
        network = load_bundle(saved, allow_modules=(own_module,)).build_model()
        assert type(network.decoder).__name__ == "Own"
    finally:
        sys.modules.pop(own_module, None)


# --- parts ----------------------------------------------------------------------------------------------------------


def test_a_bundle_brings_its_own_weights_and_needs_no_network() -> None:
    words = {"encoder": {"name": "timm", "model": "test_resnet", "pretrained": True}, "decoder": {"name": "fcn"}}
    config = ModelConfig.model_validate(words)
    plain = config.without_pretraining()
    assert plain.encoder.options == {"model": "test_resnet", "pretrained": False}
    assert plain.decoder == config.decoder
    assert plain.without_pretraining() == plain
    assert type(build_factory(plain)).__name__ == "EncoderDecoderFactory"


def test_a_copied_bundle_is_a_bundle(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "copy")
    assert load_bundle(tmp_path / "copy").config == load_bundle(saved).config


def test_the_unfinished_work_of_another_bundle_is_spared(tmp_path: Path, tiny_bundle: Bundle) -> None:
    others, own = tmp_path / ".partial-trained-x-abcd1234", tmp_path / ".partial-trained-abcd1234"
    others.mkdir()
    own.mkdir()
    save_bundle(tiny_bundle, tmp_path / "trained")
    assert sorted(path.name for path in tmp_path.iterdir()) == [others.name, "trained"]
