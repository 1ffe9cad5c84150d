"""Fingerprints: the same contents, the same name; anything else, another."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
import torch

from groundwork import fingerprint


def test_parts_are_told_apart() -> None:
    assert fingerprint.fingerprint("ab", "c") == fingerprint.fingerprint("ab", b"c")
    assert fingerprint.fingerprint("ab", "c") != fingerprint.fingerprint("a", "bc")
    assert fingerprint.fingerprint("ab") != fingerprint.fingerprint("ab", "")
    length = (1).to_bytes(8, "little")
    assert fingerprint.fingerprint("a") == hashlib.sha256(length + b"a").hexdigest()[:16]


def test_weights_are_named_by_name_and_value() -> None:
    weights = {"a": torch.arange(4.0), "b": torch.ones(2)}
    known = fingerprint.of_weights(weights)
    assert fingerprint.of_weights(dict(reversed(weights.items()))) == known
    assert fingerprint.of_weights({name: value.clone() for name, value in weights.items()}) == known
    assert fingerprint.of_weights(weights | {"b": torch.ones(2) + 1e-7}) != known
    assert fingerprint.of_weights({"a": weights["a"], "c": weights["b"]}) != known


def test_weights_that_are_views_are_read_in_order() -> None:
    turned = torch.arange(6.0).reshape(2, 3).T
    assert fingerprint.of_weights({"a": turned}) == fingerprint.of_weights({"a": turned.contiguous()})


@pytest.mark.parametrize("change", [{"x": [1, 3]}, {"y": ["a", "c"]}, {"z": [0, 0]}])
def test_tables_are_named_by_their_contents(change: dict[str, list[object]]) -> None:
    table = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    assert fingerprint.of_table(table) == fingerprint.of_table(table.copy().set_index(pd.Index([5, 6])))
    assert fingerprint.of_table(table.assign(**change)) != fingerprint.of_table(table)


def test_code_and_versions_are_stable_within_a_process() -> None:
    assert fingerprint.of_code() == fingerprint.of_code()
    assert len(fingerprint.of_code()) == 16
    assert fingerprint.library_versions()["version_torch"] == torch.__version__.partition("+")[0]


def test_own_components_are_named_by_the_package_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "river_parts"
    package.mkdir()
    for name in ("__init__", "decoder", "layers"):
        (package / f"{name}.py").write_text(f"NAME = '{name}'\n", encoding="utf-8")
    (tmp_path / "one_file.py").write_text("A = 1\n", encoding="utf-8")
    components = ["river_parts.decoder:Decoder", "one_file.Neck", "timm"]
    before = fingerprint.of_components(components)
    assert fingerprint.of_components(reversed(components)) == before
    (package / "layers.py").write_text("NAME = 'other'\n", encoding="utf-8")
    changed = fingerprint.of_components(components)
    (tmp_path / "one_file.py").write_text("A = 2\n", encoding="utf-8")
    assert len({before, changed, fingerprint.of_components(components), fingerprint.of_components(["timm"])}) == 4
