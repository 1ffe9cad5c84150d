"""Weights are read without running code, and the report says what became of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from groundwork.errors import WeightsError
from groundwork.models.weights.reading import load_weights, read_weights, select_bands

WEIGHTS = {"0.weight": torch.arange(6.0).reshape(2, 3), "0.bias": torch.tensor([1.0, 2.0])}


class Dangerous:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch was_run",)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2))


@pytest.mark.parametrize("nest", [None, "state_dict", "model"])
def test_files_of_both_kinds_give_the_same(tmp_path: Path, nest: str | None) -> None:
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    torch.save({nest: WEIGHTS, "epoch": 3} if nest else WEIGHTS, tmp_path / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        read = read_weights(tmp_path / name)
        assert set(read) == set(WEIGHTS)
        assert torch.equal(read["0.weight"], WEIGHTS["0.weight"])


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"0.weight": Dangerous()}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match=r"evil.pt holds more than plain tensors and was not opened") as caught:
        read_weights(tmp_path / "evil.pt")
    assert not (tmp_path / "was_run").exists()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_truncated_files_are_refused_by_name(tmp_path: Path, name: str) -> None:
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    torch.save(WEIGHTS, tmp_path / "w.pt")
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(WeightsError, match=f"{name} cannot be read as weights; it may be truncated"):
        read_weights(file)


def test_what_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nothing.pt do not exist"):
        read_weights(tmp_path / "nothing.pt")
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"holds no weights by name"):
        read_weights(tmp_path / "w.pt")


def test_report_says_what_was_set_and_what_is_fresh() -> None:
    made = network()
    fresh = made[0].bias.clone()
    given = {"0.weight": WEIGHTS["0.weight"]}
    report = load_weights(made, given, "w.pt", may_stay_fresh=lambda name: name == "0.bias", skipped=["head.weight"])
    assert (report.loaded, report.fresh, report.skipped) == (("0.weight",), ("0.bias",), ("head.weight",))
    assert torch.equal(made[0].weight, WEIGHTS["0.weight"])
    assert torch.equal(made[0].bias, fresh)


def test_weights_of_another_network_change_nothing() -> None:
    made = network()
    before = made[0].weight.clone()
    wrong = {"0.weight": torch.zeros(4, 3), "1.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"another network") as caught:
        load_weights(made, wrong, "w.pt")
    text = str(caught.value)
    assert "0.weight: file (4, 3), network (2, 3)" in text
    assert "1 missing in the file: 0.bias" in text
    assert "1 unknown to the network: 1.weight" in text
    assert torch.equal(made[0].weight, before)


def test_bands_are_found_by_name() -> None:
    weight = torch.tensor([[[1.0], [2.0], [3.0]]])
    fresh = torch.full((1, 3, 1), -1.0)
    chosen = select_bands(weight, fresh, ("BLUE", "GREEN", "RED"), ("RED", "DEM", "BLUE"))
    assert chosen.flatten().tolist() == [3.0, -1.0, 1.0]
