"""Tasks x sources and dates x ways to train x precision: each learns, is kept and predicts the same, or is refused."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from groundwork.batch import Batch, Images, images_of
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.data import read_by_model
from groundwork.data.statistics import BandStatistics, Statistics
from groundwork.errors import ComponentError, SpecError
from groundwork.models.asking import ready_to_ask, scorer_of
from groundwork.models.assembly.raster_model import RasterModel
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.models.engine import Engine
from groundwork.models.interface import Model
from groundwork.registry import build
from groundwork.targets.kinds import kind_of
from groundwork.targets.statistics import NumberStatistics, TargetStatistics
from groundwork.tasks import TASKS
from groundwork.tasks.base import Task
from groundwork.training.checks import check_together
from groundwork.training.initial import build_initial

SIDE, COUNT = 32, 3
SOURCES = ("one source", "two sources", "several dates")
WAYS = ("plain", "auxiliary", "adapters", "frozen")
PRECISIONS = ("float32", "bf16")
CLASSES = [{"value": v, "name": name, "color": f"#0000{v}0"} for v, name in enumerate(("low", "mid", "high"), start=1)]
NUMBERS = [{"name": name, "minimum": 0, "maximum": 60} for name in ("height", "cover")]
#: Task -> target, losses, score that is watched.
TARGETS: dict[str, tuple[Any, list[str], str]] = {
    "semantic_segmentation": ({"classes": CLASSES}, ["cross_entropy", "dice"], "val/miou"),
    "pixel_regression": ({"outputs": NUMBERS}, ["huber"], "val/r2"),
    "classification": ({"per": "image", "classes": CLASSES}, ["focal"], "val/f1"),
    "multi_label": ({"per": "image", "classes": CLASSES, "multi_label": True}, ["asymmetric"], "val/map"),
    "scalar_regression": ({"per": "image", "outputs": NUMBERS, "deviation": True}, ["gaussian_nll"], "val/r2"),
    "object_detection": ({"per": "object", "classes": CLASSES}, ["detector"], "val/map"),
    "reconstruction": ("nothing", ["reconstruction"], "val/loss"),
}
#: What does not go together, and what is said of it.
REFUSED = {
    ("reconstruction", None, "auxiliary"): "no use for",
    ("reconstruction", None, "adapters"): "no use for",
    ("reconstruction", "two sources", None): "source",
    ("object_detection", None, "auxiliary"): "auxiliary",
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        VARIANTS, "prithvi_eo_v2_tiny_tl", PrithviVariant(32, 2, 2, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    )


def _data(sources: str, target: Any) -> DataConfig:
    optical: dict[str, Any] = {"bands": ["BLUE", "GREEN", "RED"], "dtype": "int16", "nodata": -1, "reference": True}
    if sources == "several dates":
        optical |= {"steps": 2, "layout": "steps_first"}
    words = {"optical": optical}
    if sources == "two sources":
        words["radar"] = {"bands": ["VV"], "dtype": "float32", "nodata": None, "resampling": "bilinear"}
    return DataConfig.model_validate(
        {"sources": words, "target": target, "chips": {"size": SIDE, "stride": SIDE},
         "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}}}
    )  # fmt: skip


def _model(task: str, sources: str, way: str) -> ModelConfig:
    if task == "reconstruction":
        network = {"name": "prithvi_mae"}
        words: dict[str, Any] = {"factory": {"name": "full_model", "model": network}}
    else:
        encoder: dict[str, Any] = {"name": "timm", "model": "test_vit", "out_indices": [0, 1]}
        wrapped = {"name": "per_date", "encoder": encoder} if sources == "several dates" else encoder
        words = {"encoder": wrapped}
        necks: list[Any] = []
        if sources == "two sources":
            words = {"encoders": {"optical": wrapped, "radar": encoder}}
            necks = [{"name": "merge_sources"}]
        if task == "object_detection":
            words |= {"factory": {"name": "object_detection", "framework": "fcos"}}
            necks += [{"name": "pyramid"}, {"name": "fpn", "channels": 32}]
        elif task in {"semantic_segmentation", "pixel_regression"}:
            words |= {"decoder": {"name": "fcn", "channels": 8}}
        words["necks"] = necks
    if way == "auxiliary":
        words["auxiliary"] = {"side": {"decoder": {"name": "fcn", "channels": 4}}}
    if way == "adapters":
        words["adapters"] = {"options": {"r": 2}}
    return ModelConfig.model_validate(words)


def _training(task: str, way: str) -> TrainingConfig:
    _, losses, monitor = TARGETS[task]
    return TrainingConfig.model_validate(
        {
            "task": task, "loss": [{"name": name} for name in losses], "monitor": monitor, "max_epochs": 1,
            "optimizer": {"name": "adamw", "learning_rate": 0.01}, "trainer": {"accelerator": "cpu"},
            "freeze": {"encoder": way == "frozen"}, "auxiliary_loss": {"side": 0.5} if way == "auxiliary" else {},
        }
    )  # fmt: skip


def _statistics(data: DataConfig) -> Statistics:
    band = BandStatistics(mean=500, std=200, minimum=0, maximum=1000)
    names = data.target.names
    target = TargetStatistics(
        class_pixels=dict.fromkeys(names, 100) if data.target.classes else {},
        known_pixels=dict.fromkeys(names, 300) if data.target.multi_label else {},
        class_objects=dict.fromkeys(names, 4) if data.target.per == "object" else {},
        numbers={} if data.target.classes else {name: NumberStatistics(mean=30, std=9, count=99) for name in names},
    )
    sources = {name: dict.fromkeys(spec.band_names, band) for name, spec in data.sources.items()}
    return Statistics(sources=sources, target=target, valid_pixels=1000)


def _batch(data: DataConfig) -> Batch:
    random = np.random.default_rng(0)
    images, valid = {}, {}
    for name, spec in data.sources.items():
        steps = (spec.steps,) if spec.steps > 1 else ()
        values = random.normal(500, 200, (COUNT, spec.num_channels, *steps, SIDE, SIDE))
        images[name] = torch.from_numpy(values.astype(np.float32))
        valid[name] = torch.ones(COUNT, SIDE, SIDE, dtype=torch.bool)
        valid[name][:, :4, :4] = False
    batch = Batch(images=images, valid=valid, target=_target(data, random), sample_id=[f"s{n}" for n in range(COUNT)])
    batch["seeds"] = torch.arange(COUNT)
    if data.target.per == "object":
        box = torch.tensor([[4.0, 6.0, 20.0, 22.0]])
        batch["objects"] = [{"boxes": box, "labels": torch.tensor([index % 3])} for index in range(COUNT)]
    return batch


def _target(data: DataConfig, random: np.random.Generator) -> Tensor:
    target, size = data.target, (SIDE, SIDE)
    if target.per == "object":
        planes = np.zeros((COUNT, 2, *size), np.int16)
        planes[:, 0, 6:22, 4:20] = 1
        return torch.from_numpy(planes)
    if target.per == "nothing":
        return torch.zeros(COUNT, *size, dtype=torch.int64)
    if target.outputs:
        return torch.from_numpy(random.uniform(0, 60, (COUNT, len(target.outputs), *size)).astype(np.float32))
    if target.multi_label:
        said = torch.from_numpy(random.integers(0, 2, (COUNT, 3, 1, 1)).astype(np.int8))
        return said.expand(-1, -1, *size).clone()
    if target.per == "image":
        return torch.arange(COUNT).reshape(-1, 1, 1).expand(-1, *size) % 3
    return torch.from_numpy(random.integers(-1, 3, (COUNT, *size)))


def _refusal(task: str, sources: str, way: str) -> str | None:
    found = [said for (which, given, how), said in REFUSED.items()
             if which == task and given in (None, sources) and how in (None, way)]  # fmt: skip
    return found[0] if found else None


def _in(precision: str) -> AbstractContextManager[Any]:
    return torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()


def _built(task: str, sources: str, way: str) -> tuple[Bundle, Task, DataConfig]:
    data, model, training = _data(sources, TARGETS[task][0]), _model(task, sources, way), _training(task, way)
    check_together(training, model, data.target)
    initial = build_initial(data, model, seed=0)
    config = initial.config
    wired = (initial.factory(), config.model, read_by_model(config.inputs), config.target, training, _statistics(data))
    learner = build(Task, TASKS, training.task, *wired)
    for source, spec in read_by_model(config.inputs).items():
        learner.model.set_statistics([500.0] * spec.num_channels, [200.0] * spec.num_channels, source)
    if data.target.outputs:
        learner.model.set_output_statistics([30.0] * 2, [9.0] * 2)
    return initial, learner, data


def _assert_the_same_but_for_rounding(one: Model, other: Model, images: Images) -> None:
    assert isinstance(one, RasterModel)
    assert isinstance(other, RasterModel)
    with torch.inference_mode():
        found, expected = one.undecided(images), other.undecided(images)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-4 * float(expected.abs().max()))


CELLS = [pytest.param(*cell, id=", ".join(cell)) for cell in product(TARGETS, SOURCES, WAYS)]


@pytest.mark.parametrize(("task", "sources", "way"), CELLS)
def test_every_task_learns_is_kept_and_says_the_same(
    task: str, sources: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _refusal(task, sources, way)
    if said is not None:
        with pytest.raises((SpecError, ComponentError), match=said):
            _built(task, sources, way)
        return
    initial, learner, data = _built(task, sources, way)
    monkeypatch.setattr(learner, "log", lambda *_, **__: None)
    batch, kind = _batch(data), kind_of(data.target)
    learning = {name: part for name, part in learner.model.named_parameters() if part.requires_grad}
    frozen = {name: part.detach().clone() for name, part in learner.model.named_parameters() if not part.requires_grad}
    assert learning
    assert bool(frozen) == (way in {"adapters", "frozen"})
    for precision in PRECISIONS:
        learner.train()
        learner.zero_grad()
        with _in(precision):
            loss = learner.training_step(batch, 0)
        assert loss.isfinite(), precision
        loss.float().backward()
        without = [name for name, part in learning.items() if part.grad is None]
        assert not without, f"nothing reaches {without} in {precision}"
        assert all(bool(part.grad.isfinite().all()) for part in learning.values() if part.grad is not None)
        torch.optim.SGD(learning.values(), lr=0.01).step()
    assert all(torch.equal(dict(learner.model.named_parameters())[name], part) for name, part in frozen.items())

    weights = {name: value.detach().clone() for name, value in learner.model.state_dict().items()}
    bundle = Bundle(initial.config.model_copy(update={"trained": True}), weights)
    save_bundle(bundle, tmp_path / "bundle")
    kept = load_bundle(tmp_path / "bundle").build_model()
    if task == "reconstruction":
        learner.eval()
        with torch.no_grad():
            assert torch.equal(kept(images_of(batch)).output, learner(batch).output)
        return
    for precision in PRECISIONS:
        engines = [Engine(scorer_of(model, kind, InferenceConfig()), precision=precision)
                   for model in (learner.model.eval(), kept)]  # fmt: skip
        here, there = (engine.scores(images_of(batch), "here") for engine in engines)
        assert torch.equal(here, there), precision
        if task != "object_detection":
            assert here.shape[:2] == (COUNT, data.target.num_scores)
    asked = ready_to_ask(load_bundle(tmp_path / "bundle").build_model(), InferenceConfig())
    _assert_the_same_but_for_rounding(asked, learner.model, images_of(batch))
