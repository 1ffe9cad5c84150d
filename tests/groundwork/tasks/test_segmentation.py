"""The segmentation task: its loss is the branches' losses, its scores are those of one confusion matrix."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning import Trainer
from sklearn.metrics import jaccard_score

from groundwork.batch import Batch
from groundwork.bundle import Bundle, build_factory
from groundwork.config import ModelConfig, TrainingConfig
from groundwork.config.data import ChipsConfig
from groundwork.config.training import SYMMETRIES, LoaderConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.scan import scan_scenes
from groundwork.data.statistics import Statistics
from groundwork.errors import ComponentError, SpecError
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.scores import MODEL, evaluate
from groundwork.targets.labels import IGNORE
from groundwork.tasks.losses import CrossEntropyLoss
from groundwork.tasks.segmentation import SemanticSegmentationTask

MakeTask = Callable[..., SemanticSegmentationTask]
SIDE = {"side": {"decoder": {"name": "fcn", "channels": 4}}}


@pytest.fixture
def make_task(
    tiny_initial: Bundle, tiny_statistics: Statistics, make_training: Callable[..., TrainingConfig]
) -> MakeTask:
    def make(auxiliary: dict[str, Any] | None = None, **training: Any) -> SemanticSegmentationTask:
        torch.manual_seed(0)
        config = tiny_initial.config
        model = ModelConfig.model_validate(config.model.model_dump() | {"auxiliary": auxiliary or {}})
        wired = (build_factory(model), model, config.inputs, config.target)
        return SemanticSegmentationTask(*wired, make_training(**training), tiny_statistics)

    return make


def _batch(seed: int = 0) -> Batch:
    random = np.random.default_rng(seed)
    target = torch.from_numpy(random.integers(-1, 3, (2, 32, 32)))
    image = torch.from_numpy(random.normal(0, 1, (2, 3, 32, 32)).astype(np.float32))
    valid = torch.ones(2, 32, 32, dtype=torch.bool)
    return Batch(images={"optical": image}, valid={"optical": valid}, target=target, sample_id=["a", "b"])


def test_the_loss_is_that_of_all_branches_by_weight(make_task: MakeTask, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(SIDE, auxiliary_loss={"side": 0.25}).train()
    logged: dict[str, float] = {}
    monkeypatch.setattr(task, "log", lambda name, value, **_: logged.__setitem__(name, float(value.detach())))
    batch = _batch()
    torch.manual_seed(1)
    total = float(task.training_step(batch, 0).detach())
    output = task(batch)
    loss = CrossEntropyLoss((1, 1, 1))
    main, side = (float(loss(scores, batch["target"]).detach()) for scores in (output.output, output.auxiliary["side"]))
    assert total == pytest.approx(main + 0.25 * side, rel=1e-4)
    assert logged["train/loss"] == pytest.approx(total)
    assert logged["train/loss_main"] + 0.25 * logged["train/loss_side"] == pytest.approx(total)


@pytest.mark.parametrize(
    ("auxiliary", "weights", "message"),
    [
        (SIDE, {}, r"without a weight in 'training.auxiliary_loss': \['side'\]"),
        ({}, {"side": 1.0}, r"weights without a branch in 'model.auxiliary': \['side'\]"),
        (SIDE, {"sid": 1.0}, r"\['side'\]; weights without a branch in 'model.auxiliary': \['sid'\]"),
    ],
)
def test_branches_and_losses_are_matched_by_name(
    make_task: MakeTask, auxiliary: dict[str, Any], weights: dict[str, float], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        make_task(auxiliary, auxiliary_loss=weights)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"loss": [{"name": "focl"}]}, r"Unknown component 'focl'. Did you mean 'focal'\?"),
        ({"optimizer": {"name": "adam"}}, r"Unknown component 'adam'. Did you mean 'adamw'\?"),
        ({"optimizer": {"name": "sgd", "momentm": 1}}, r"no option 'momentm'. Did you mean 'momentum'\?"),
        ({"schedule": {"name": "cosine", "warmupp": 1}}, r"no option 'warmupp'. Did you mean 'warmup'\?"),
    ],
)
def test_unknown_names_and_options_are_named_when_the_task_is_built(
    make_task: MakeTask, training: dict[str, Any], message: str
) -> None:
    with pytest.raises(ComponentError, match=message):
        make_task(**training)


def test_scores_are_those_of_all_known_pixels_of_the_split(make_task: MakeTask) -> None:
    task = make_task()
    truth, predicted = [], []
    for seed in range(3):
        batch = _batch(seed)
        scores = torch.from_numpy(np.random.default_rng(seed).normal(0, 1, (2, 3, 32, 32)))
        task.update_metrics("val", scores, batch)
        known = batch["target"] != IGNORE
        truth.append(batch["target"][known])
        predicted.append(scores.argmax(dim=1)[known])
    found = task.compute_metrics("val")
    expected = jaccard_score(torch.cat(truth), torch.cat(predicted), average=None)
    assert found["miou"] == pytest.approx(expected.mean())
    assert [found[f"iou_{name}"] for name in ("water", "forest", "field")] == pytest.approx(expected)
    assert found["overall_accuracy"] == pytest.approx(float((torch.cat(truth) == torch.cat(predicted)).float().mean()))


def test_pixels_that_chips_share_count_once(make_task: MakeTask, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task().eval()
    logged: list[float] = []
    monkeypatch.setattr(task, "log", lambda _, value, **__: logged.append(float(value)))
    batch = _batch()
    batch["counted"] = torch.ones(2, 32, 32, dtype=torch.bool)
    batch["counted"][1, :, 16:] = False
    ignored = _batch()
    ignored["target"][1, :, 16:] = IGNORE
    found = []
    for given in (batch, ignored):
        with torch.no_grad():
            task.validation_step(given, 0)
        found.append(task.compute_metrics("val"))
    assert found[0] == found[1]
    assert logged[0] == logged[1]


def test_each_epoch_begins_anew(make_task: MakeTask) -> None:
    task, batch = make_task(), _batch()
    right = torch.nn.functional.one_hot(batch["target"].clamp(min=0), 3).movedim(-1, 1).float()
    task.update_metrics("val", right.roll(1, dims=1), batch)
    assert task.compute_metrics("val")["miou"] == 0
    task.update_metrics("val", right, batch)
    assert task.compute_metrics("val")["miou"] == 1


def test_frozen_parts_do_not_reach_the_optimiser(make_task: MakeTask) -> None:
    task = make_task(freeze={"encoder": True})
    trained = {name for name, value in task.model.named_parameters() if value.requires_grad}
    assert trained
    assert all(not name.startswith("encoder.") for name in trained)
    assert all(
        name.startswith("encoder.")
        for name, _ in make_task(freeze={"decoder": True}).model.named_parameters()
        if _.requires_grad
    )


# --- by Lightning's Trainer -----------------------------------------------------------------------------------------


@contextmanager
def _trainer() -> Iterator[Trainer]:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=r".*treespec.*is deprecated.*")
        yield Trainer(accelerator="cpu", enable_checkpointing=False, **quiet)


@pytest.fixture
def trained_task(make_task: MakeTask, tiny_bundle: Bundle) -> SemanticSegmentationTask:
    task = make_task()
    task.model.load_state_dict(tiny_bundle.weights)
    return task


def _overlapping(data: SimpleNamespace) -> LabelledData:
    """Return all scenes as the test split, cut into chips that overlap each other."""
    config = data.config.model_copy(update={"chips": ChipsConfig(size=32, stride=24)})
    samples = scan_scenes(data.scenes, data.labels, config).chips.assign(split="test")
    return LabelledData(samples, {"optical": data.scenes}, data.labels, config.sources, config.target)


def test_a_test_gives_the_scores_of_an_evaluation(
    trained_task: SemanticSegmentationTask,
    tiny_data: SimpleNamespace,
    tiny_bundle: Bundle,
    tiny_statistics: Statistics,
) -> None:
    data = _overlapping(tiny_data)
    module = ChipDataModule(data, tiny_statistics, LoaderConfig(batch_size=4), SYMMETRIES, 0)
    with _trainer() as trainer:
        [found] = trainer.test(trained_task, datamodule=module, verbose=False)
    judged = evaluate({MODEL: ModelPredictor(tiny_bundle)}, data, 4).total(MODEL)
    expected = {f"test/{name}": pytest.approx(value, abs=1e-6) for name, value in judged.compute().items()}
    assert {name: value for name, value in found.items() if name != "test/loss"} == expected
    assert found["test/loss"] > 0
    assert 0 < found["test/miou"] < 1


def test_a_prediction_gives_the_probabilities_of_each_sample(
    trained_task: SemanticSegmentationTask,
    tiny_labelled: LabelledData,
    tiny_bundle: Bundle,
    tiny_statistics: Statistics,
) -> None:
    module = ChipDataModule(tiny_labelled, tiny_statistics, LoaderConfig(batch_size=4), SYMMETRIES, 0)
    loader = module.test_dataloader()
    with _trainer() as trainer:
        found = trainer.predict(trained_task, dataloaders=loader)
    assert found is not None
    predictor = ModelPredictor(tiny_bundle)
    for batch, predicted in zip(loader, found, strict=True):
        assert predicted["sample_id"] == batch["sample_id"]
        expected = predictor.predict(batch).softmax(dim=1)
        assert torch.allclose(predicted["scores"], expected, atol=1e-4)
    seen = [name for predicted in found for name in predicted["sample_id"]]
    assert seen == tiny_labelled.of_split("test")["sample_id"].tolist()
