"""Several bundles answer as one bundle, which is judged, kept and predicted with as any other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from kedro.io import DatasetError

from fieldwork.io.ensemble import EnsembleDataset
from groundwork.batch import Images, collate, images_of
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig
from groundwork.data.chips import LabelledData
from groundwork.ensembles import ensemble_of
from groundwork.errors import BundleError
from groundwork.models.asking import ready_to_ask
from groundwork.models.engine import Engine, ModelScorer
from groundwork.prediction.scene import predict_scenes
from groundwork.training.initial import build_initial

CPU = torch.device("cpu")


def _trained(data: DataConfig, seed: int = 0, temperature: float | None = None, **words: Any) -> Bundle:
    model = {"encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}, "decoder": {"name": "fcn"}}
    initial = build_initial(data, ModelConfig.model_validate(model | words), seed)
    target = initial.config.target.model_copy(update={"temperature": temperature})
    provenance = initial.config.provenance | {"seed": str(seed), "samples": "abc"}
    config = initial.config.model_copy(update={"trained": True, "target": target, "provenance": provenance})
    return Bundle(config, initial.weights)


@pytest.fixture(scope="module")
def members(data_config: DataConfig) -> dict[str, Bundle]:
    """Of three seeds, the last with another decoder and a temperature."""
    return {
        "a": _trained(data_config, 0),
        "b": _trained(data_config, 1),
        "c": _trained(data_config, 2, temperature=2.5, decoder={"name": "linear"}),
    }


def test_the_answer_is_the_mean_probability_of_all(
    members: dict[str, Bundle], tiny_labelled: LabelledData, tmp_path: Path
) -> None:
    save_bundle(ensemble_of(members), tmp_path / "ensemble")
    ensemble = load_bundle(tmp_path / "ensemble")
    assert ensemble.config.trained
    assert ensemble.config.provenance["samples"] == "abc", "it is judged on the table that all were trained beside"
    assert ensemble.config.provenance["seed"] == "0,1,2"
    assert len(ensemble.config.provenance["members"].split(",")) == 3
    images = images_of(collate([tiny_labelled.chips("test")[0]]))
    given = [Engine(ModelScorer(bundle.build_model()), CPU).scores(images, "here") for bundle in members.values()]
    expected = torch.stack([given[0].softmax(1), given[1].softmax(1), (given[2] / 2.5).softmax(1)]).mean(0)
    together = Engine(ModelScorer(ensemble.build_model()), CPU).scores(images, "here")
    assert torch.allclose(tiny_labelled.kind.activate(together), expected, atol=1e-6)
    plain, asked = ensemble.build_model(), ready_to_ask(ensemble.build_model(), InferenceConfig())
    counts = [sum(isinstance(part, torch.nn.BatchNorm2d) for part in model.modules()) for model in (plain, asked)]
    assert counts[1] < counts[0], "norms of members are held by their convolutions"
    assert torch.allclose(Engine(ModelScorer(asked), CPU).scores(images, "here"), together, atol=1e-4)


def test_scenes_are_predicted_with_bundles_that_lie_in_folders(
    members: dict[str, Bundle], tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    for name, bundle in members.items():
        save_bundle(bundle, tmp_path / name)
    entry = EnsembleDataset(members=[str(tmp_path / name) for name in members])
    assert entry.exists()
    ensemble = entry.load()
    config = InferenceConfig(tile_size=32, overlap=8)
    [(_, products), *_] = list(dict(predict_scenes(ensemble, tiny_data.scenes, config).streams)["p5"].blocks)
    assert set(np.unique(products["classes"])) <= {1, 2, 3}
    with pytest.raises(DatasetError, match="train each member under a recipe of its own"):
        entry.save(ensemble)
    assert not EnsembleDataset(members=[str(tmp_path / "a"), str(tmp_path / "gone")]).exists()


def test_components_of_members_are_those_of_the_bundle(members: dict[str, Bundle], tmp_path: Path) -> None:
    own = members["a"].config.model.model_copy(update={"decoder": None})
    mine = {**own.model_dump(mode="json"), "head": "os.path.Evil"}
    model = ModelConfig.model_validate({"factory": {"name": "ensemble", "members": [{"model": mine}, {"model": mine}]}})
    assert "os.path.Evil" in [component.name for component in model.components()]
    config = members["a"].config.model_copy(update={"model": model})
    save_bundle(Bundle(config, {}), tmp_path / "evil")
    with pytest.raises(BundleError, match=r"names the component 'os.path.Evil', whose code would be run"):
        load_bundle(tmp_path / "evil")


def test_pretrained_weights_are_not_looked_for_again(members: dict[str, Bundle]) -> None:
    config = ensemble_of(members).config.model
    wanted = [dict(member.model.model_dump(mode="json")) for member in config.members()]
    wanted[0]["encoder"]["pretrained"] = True
    words = {"name": "ensemble", "members": [{"model": model} for model in wanted]}
    plain = ModelConfig.model_validate({"factory": words}).without_pretraining()
    assert [member.model.encoder.options.get("pretrained") for member in plain.members() if member.model.encoder] == [
        False, None, None,
    ]  # fmt: skip


def test_members_must_answer_the_same_question(members: dict[str, Bundle], data_config: DataConfig) -> None:
    with pytest.raises(BundleError, match=r"made of two bundles or more, found \['a'\]"):
        ensemble_of({"a": members["a"]})
    untrained = Bundle(members["b"].config.model_copy(update={"trained": False}), members["b"].weights)
    with pytest.raises(BundleError, match="b: this bundle was never trained"):
        ensemble_of({"a": members["a"], "b": untrained})
    target = data_config.target.model_copy(update={"classes": data_config.target.classes[::-1]})
    other = _trained(data_config.model_copy(update={"target": target}))
    with pytest.raises(BundleError, match=r"b and a differ in their target: \['classes'\]"):
        ensemble_of({"a": members["a"], "b": other})
    words = data_config.model_dump(mode="json")
    words["sources"]["optical"]["bands"] = words["sources"]["optical"]["bands"][::-1]
    with pytest.raises(BundleError, match=r"b and a differ in their inputs: \['optical'\]"):
        ensemble_of({"a": members["a"], "b": _trained(DataConfig.model_validate(words))})


def _detector(data: DataConfig, framework: str, seed: int = 0, **options: Any) -> Bundle:
    factory = {"name": "object_detection", "framework": framework, "score_threshold": 0.0, "most": 5} | options
    return _trained(data, seed, factory=factory, necks=[{"name": "fpn", "channels": 32}], decoder=None)


@pytest.fixture(scope="module")
def of_outlines(data_config: DataConfig) -> DataConfig:
    words = data_config.model_dump(mode="json")
    classes = words["target"]["classes"]
    words["target"] = {"per": "object", "classes": classes, "ignore_value": None, "objects": {"masks": True}}
    return DataConfig.model_validate(words)


@pytest.mark.parametrize("framework", ["fcos", "mask-rcnn"])
def test_two_of_the_same_detector_find_what_it_finds_alone(of_outlines: DataConfig, framework: str) -> None:
    bundle = _detector(of_outlines, framework)
    together = ensemble_of({"a": bundle, "b": bundle})
    pixels = np.random.default_rng(0).integers(0, 3000, (1, 3, 64, 64)).astype(np.float32)
    images = Images({"optical": torch.from_numpy(pixels)})
    found, alone = (Engine(ModelScorer(one.build_model()), CPU).scores(images, "here") for one in (together, bundle))
    assert found.shape == alone.shape
    assert alone.shape[2] == (6 if framework == "fcos" else 6 + 28**2)
    # Boxes of fresh weights lie upon each other; what is surest is one object in both.
    assert torch.allclose(found[0, 0], alone[0, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("other", "options", "said"),
    [
        ("fcos", {}, r"b gives boxes alone"),
        ("mask-rcnn", {"heads": "v2_coarse"}, r"b gives outlines of 14 x 14 cells"),
    ],
)
def test_detectors_of_boxes_and_of_outlines_are_refused_by_name(
    of_outlines: DataConfig, other: str, options: dict[str, Any], said: str
) -> None:
    members = {"a": _detector(of_outlines, "mask-rcnn"), "b": _detector(of_outlines, other, 1, **options)}
    with pytest.raises(BundleError, match=rf"a gives outlines of 28 x 28 cells; {said}\. An ensemble says"):
        ensemble_of(members)


def test_thresholds_are_the_means_of_the_members(data_config: DataConfig) -> None:
    words = data_config.model_dump(mode="json")
    words["target"] = {"per": "image", "multi_label": True, "classes": words["target"]["classes"]}
    data = DataConfig.model_validate(words)
    bundles = {}
    for seed, threshold in enumerate((0.2, 0.4)):
        bundle = _trained(data, seed, decoder=None)
        chosen = bundle.config.target.with_thresholds({"water": threshold, "forest": 0.5})
        bundles[str(seed)] = Bundle(bundle.config.model_copy(update={"target": chosen}), bundle.weights)
    found = [entry.threshold for entry in ensemble_of(bundles).config.target.classes]
    assert found == [pytest.approx(0.3), pytest.approx(0.5), None]
