"""Views of an image are brought back to it exactly, and one answer is made of all: for pixels, images and boxes."""

from __future__ import annotations

from inspect import signature
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from groundwork.batch import Images, collate, images_of
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig
from groundwork.config.inference import ViewsConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model
from groundwork.models.asking import refuse_asking, refuse_compiling, scorer_of
from groundwork.models.dropout import DropoutScorer
from groundwork.models.engine import Engine, ModelScorer
from groundwork.models.heads.classification import ClassificationHead
from groundwork.models.heads.segmentation import SegmentationHead
from groundwork.models.views import View, ViewScorer, views_of
from groundwork.prediction.scene import predict_scenes
from groundwork.specs import TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.object_views import combine_objects
from groundwork.training.initial import build_initial

SIZE = (5, 7)
CPU = torch.device("cpu")
CLASSES = [{"value": 1, "name": "low", "color": "#0000ff"}, {"value": 2, "name": "high", "color": "#00aa00"}]


def _config(**changes: object) -> InferenceConfig:
    return InferenceConfig.model_validate({"tile_size": 32, "overlap": 0} | changes)


def _kind(**target: object) -> TargetKind:
    return kind_of(TargetSpec.model_validate(target))


class Places:
    """Gives of each pixel its value, and how far it lies from the left edge of what it is shown."""

    coordinates: frozenset[str] = frozenset()

    def to(self, device: torch.device) -> None:
        pass

    def scores(self, images: Images) -> Tensor:
        values = images.values["s"]
        places = torch.arange(values.shape[-1], dtype=torch.float32).expand(len(values), 1, *values.shape[-2:])
        return torch.cat([values[:, :1], places], dim=1)


# --- turned and flipped ---------------------------------------------------------------------------------------------


def test_there_are_as_many_views_as_symmetries() -> None:
    assert views_of(ViewsConfig()) == (View(),)
    for name, count in (("flips", 4), ("d4", 8)):
        views = views_of(_config(augment=name).augment)
        pictures = {tuple(view.of(Images({"s": torch.arange(9.0).reshape(1, 1, 3, 3)})).values["s"].flatten().tolist())
                    for view in views}  # fmt: skip
        assert len(views) == len(pictures) == count, "no two of them look alike"
    assert len(views_of(ViewsConfig(symmetries="d4", scales=(0.5, 1.0)))) == 16


@pytest.mark.parametrize("view", views_of(ViewsConfig(symmetries="d4")), ids=str)
def test_a_view_is_brought_back_to_the_last_digit(view: View) -> None:
    values, valid = torch.rand(2, 3, 4, *SIZE), torch.rand(2, 4, *SIZE) > 0.5
    images = Images({"s": values}, {"s": valid}, location=torch.ones(2, 2))
    seen = view.of(images)
    assert seen.values["s"].shape[-2:] == (SIZE if view.turns % 2 == 0 else SIZE[::-1])
    assert torch.equal(view.back(seen.values["s"][:, :, 0], SIZE, "pixel"), values[:, :, 0])
    assert torch.equal(view.back(seen.valid["s"], SIZE, "pixel"), valid)
    assert seen.location is images.location
    of_image = torch.rand(2, 3)
    assert view.back(of_image, SIZE, "image") is of_image


@pytest.mark.parametrize("view", views_of(ViewsConfig(symmetries="d4", scales=(1.0, 2.0))), ids=str)
def test_boxes_in_a_view_are_brought_back_to_what_they_enclose(view: View) -> None:
    mask = torch.zeros(1, 1, 10, 14)
    mask[..., 2:5, 6:13] = 1
    rows, columns = (view.of(Images({"s": mask})).values["s"][0, 0] > 0.5).nonzero().T
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    found = torch.tensor([[[*map(float, edges), 0.9, 1.0], [0.0] * 6]])
    assert view.back(found, (10, 14), "object")[0].tolist() == [
        pytest.approx([6, 2, 13, 5, 0.9, 1]),
        pytest.approx([0] * 6),
    ]


def test_what_depends_on_the_orientation_is_evened_out() -> None:
    kind = _kind(outputs=[{"name": name, "minimum": 0, "maximum": 9} for name in "ab"])
    values = torch.rand(2, 1, *SIZE)
    views = views_of(ViewsConfig(symmetries="flips"))
    scores = ViewScorer(Places(), views, kind.per, kind.combine).scores(Images({"s": values}))
    assert torch.allclose(scores[:, :1], values), "what is said of a pixel comes back to it"
    assert torch.allclose(scores[:, 1:], torch.full((2, 1, *SIZE), 3.0)), "left and right are alike: (7 - 1) / 2"


# --- scaled ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.5])
@pytest.mark.parametrize("steps", [1, 3])
def test_what_is_not_valid_does_not_blur_into_a_scaled_view(scale: float, steps: int) -> None:
    shape = (2, 4, 12, 16) if steps == 1 else (2, 4, steps, 12, 16)
    image = torch.full(shape, 40.0)
    valid = torch.ones(2, *((steps,) if steps > 1 else ()), 12, 16, dtype=torch.bool)
    valid[..., :4, :5] = False
    image[..., :4, :5] = torch.nan
    seen = View(scale=scale).of(Images({"s": image}, {"s": valid}))
    values, held = seen.values["s"], seen.valid["s"]
    assert values.shape[-2:] == held.shape[-2:] == (round(12 * scale), round(16 * scale))
    known = held.unsqueeze(1).expand(values.shape)
    assert torch.allclose(values[known], torch.tensor(40.0))
    assert not held[..., 0, 0].any()
    assert bool(held[..., -1, -1].all())
    assert bool(values.isfinite().all())


def test_scores_of_a_scaled_view_lie_where_their_pixels_lie() -> None:
    ramp = torch.arange(16.0).expand(1, 1, 12, 16).clone()
    view = View(scale=0.5)
    back = view.back(view.of(Images({"s": ramp})).values["s"], (12, 16), "pixel")
    assert back.shape == ramp.shape
    assert torch.allclose(back[..., 2:-2], ramp[..., 2:-2], atol=0.3)


# --- one answer of several ------------------------------------------------------------------------------------------


def test_classes_are_combined_by_their_mean_probability() -> None:
    kind = _kind(classes=CLASSES)
    first, second = torch.randn(2, 2, 3, 3), 4 * torch.randn(2, 2, 3, 3)
    expected = (first.softmax(1) + second.softmax(1)) / 2
    assert torch.allclose(kind.activate(kind.combine([first, second])), expected, atol=1e-6)


def test_classes_at_once_are_combined_by_their_mean_probability() -> None:
    kind = _kind(per="image", classes=CLASSES, multi_label=True)
    first, second = torch.tensor([[2.0, -30.0]]), torch.tensor([[-1.0, 40.0]])
    expected = (first.double().sigmoid() + second.double().sigmoid()) / 2
    combined = kind.combine([first, second])
    assert torch.allclose(kind.activate(combined).double(), expected, atol=1e-6)
    assert bool(combined.isfinite().all())


@pytest.mark.parametrize("several", [False, True])
def test_calibrated_probabilities_are_those_of_which_the_mean_is_taken(several: bool) -> None:
    target = {"per": "image", "multi_label": True} if several else {}
    kind = _kind(classes=CLASSES, temperature=2.5, **target)
    given = [torch.tensor([scores]) for scores in ([6.0, -1.0], [-2.0, 3.0], [-3.0, 4.0])]
    each = [(scores / 2.5).sigmoid() if several else (scores / 2.5).softmax(1) for scores in given]
    assert torch.allclose(kind.activate(kind.combine(given)), torch.stack(each).mean(0), atol=1e-6)
    nested = kind.combine([kind.combine(given[:2]), kind.combine(given[1:])])
    expected = (each[0] + 2 * each[1] + each[2]) / 4
    assert torch.allclose(kind.activate(nested), expected, atol=1e-6), "draws of dropout in each of several views"


def test_an_object_that_one_of_two_answers_lacks_is_half_as_sure() -> None:
    first = torch.tensor([[[0.0, 0, 10, 10, 0.8, 0], [30, 30, 40, 40, 0.6, 1]]])
    second = torch.tensor([[[2.0, 0, 12, 10, 0.4, 0], [0, 0, 0, 0, 0, 0]]])
    combined = combine_objects([first, second])[0]
    # The box of both lies nearer to the surer one.
    assert combined[0].tolist() == pytest.approx([2 / 3, 0, 10 + 2 / 3, 10, 0.6, 0])
    assert combined[1].tolist() == pytest.approx([30, 30, 40, 40, 0.3, 1])


def test_objects_of_other_classes_stay_apart_and_nothing_stays_nothing() -> None:
    first, second = (torch.tensor([[[0.0, 0, 10, 10, 0.8, label]]]) for label in (0.0, 1.0))
    combined = combine_objects([first, second])[0]
    assert combined[:, 4:].tolist() == [[pytest.approx(0.4), 0.0], [pytest.approx(0.4), 1.0]]
    assert not combine_objects([torch.zeros(1, 0, 6), torch.zeros(1, 3, 6)]).any()


def test_what_is_found_in_an_image_does_not_depend_on_others_of_the_batch() -> None:
    one = [[0.0, 0, 10, 10, 0.8, 0], [0.0] * 6, [0.0] * 6]
    other = [[30.0, 0, 40, 10, 0.6, 0], [0.0] * 6, [0.0] * 6]
    full = [[left, 50.0, left + 9, 60, 0.5, 1] for left in (0.0, 20, 40)]
    alone = combine_objects([torch.tensor([one[:1]]), torch.tensor([other[:1]])])[0]
    beside = combine_objects([torch.tensor([one, full]), torch.tensor([other, full])])
    assert torch.allclose(alone[:, [0, 4]], torch.tensor([[0, 0.4], [30, 0.3]]))
    assert torch.equal(beside[0][:2], alone)
    assert not beside[0][2:].any()
    assert len(beside[1]) == 3


# --- dropout --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forgetful(data_config: DataConfig) -> Bundle:
    """A bundle whose head leaves out half of what it is given, in training."""
    encoder = {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}
    words = {
        "encoder": encoder,
        "decoder": {"name": "fcn", "channels": 16},
        "head": {"name": "segmentation", "dropout": 0.5},
    }
    initial = build_initial(data_config, ModelConfig.model_validate(words), seed=0)
    return Bundle(initial.config.model_copy(update={"trained": True}), initial.weights)


def test_dropout_gives_the_mean_of_draws_that_are_the_same_each_time(
    forgetful: Bundle, tiny_labelled: LabelledData
) -> None:
    model, kind = forgetful.build_model(), tiny_labelled.kind
    images = images_of(collate([tiny_labelled.chips("val")[0]]))
    engine = Engine(DropoutScorer(model, 5, kind.combine), CPU)
    scores = engine.scores(images, "here")
    assert torch.equal(engine.scores(images, "here"), scores)
    plain = Engine(ModelScorer(model), CPU).scores(images, "here")
    assert not torch.allclose(scores, plain, atol=1e-3)

    head = next(module for module in model.modules() if isinstance(module, nn.Dropout2d) and module.p == 0.5)
    draws, given = [], images.with_values({name: image.float() for name, image in images.values.items()})
    for draw in range(5):
        torch.manual_seed(draw)
        head.train()
        with torch.inference_mode():
            draws.append(model(given).output.softmax(1))
        head.eval()
    assert torch.allclose(scores.softmax(1), torch.stack(draws).mean(0), atol=1e-5)
    before = torch.get_rng_state()
    engine.scores(images, "here")
    assert torch.equal(torch.get_rng_state(), before), "whatever else draws is not disturbed"


def test_a_model_without_dropout_is_refused(tiny_bundle: Bundle) -> None:
    text = r"'inference.dropout_samples' asks the model several times with dropout.*'segmentation' and 'classification'"
    with pytest.raises(SpecError, match=text):
        scorer_of(tiny_bundle.build_model(), kind_of(tiny_bundle.config.target), _config(dropout_samples=3))
    for head in (SegmentationHead, ClassificationHead):
        assert "dropout" in signature(head).parameters


# --- evaluation and prediction --------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{"augment": "d4"}, {"augment": {"symmetries": "flips", "scales": [1, 1.5]}},
                                   {"dropout_samples": 3, "augment": "flips"}], ids=str)  # fmt: skip
def test_a_scene_is_predicted_as_it_is_judged(
    forgetful: Bundle, tiny_labelled: LabelledData, asked: dict[str, object]
) -> None:
    config = _config(**asked, batch_size=1, probabilities=True, entropy=True)
    stream = dict(predict_scenes(forgetful, tiny_labelled.scenes, config).streams)["p5"]
    assert {"GROUNDWORK_VIEWS"} <= set(stream.profiles["classes"].tags)
    found: dict[str, np.ndarray] = {name: np.zeros((len(profile.bands), 64, 64), np.float32)
                                    for name, profile in stream.profiles.items()}  # fmt: skip
    for window, products in stream.blocks:
        for name, values in products.items():
            found[name][(slice(None), *window.toslices())] = values
    samples = tiny_labelled.samples
    everything = LabelledData(samples.assign(split="test"), tiny_labelled.scenes, tiny_labelled.labels,
                              tiny_labelled.inputs, tiny_labelled.target)  # fmt: skip
    predictor, chips = ModelPredictor(forgetful, config), everything.chips("test")
    table = everything.of_split("test")
    for index in np.flatnonzero(table["scene"] == "p5"):
        row, column = table.iloc[index][["row", "column"]]
        scores = predictor.predict(collate([chips[index]])).softmax(dim=1)[0].numpy()
        part = found["probabilities"][:, row : row + 32, column : column + 32]
        assert np.allclose(part, scores, atol=1e-5)
        expected = -(scores * np.log(scores)).sum(axis=0) / np.log(3)
        assert np.allclose(found["entropy"][0, row : row + 32, column : column + 32], expected, atol=1e-5)


def test_evaluation_asks_in_views_too(
    tiny_bundle: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    judged = (tiny_bundle, tiny_labelled, tiny_statistics, EvaluationConfig(baseline_pixels=200), 0)
    plain = evaluate_model(*judged).scores
    turned = evaluate_model(*judged, _config(augment="d4")).scores
    assert plain["baselines"] == turned["baselines"]
    assert plain["test"] != turned["test"]


def test_models_without_answers_are_not_asked_in_views() -> None:
    refuse_asking("embedding", _config())
    with pytest.raises(SpecError, match=r"it gives embedding, no answers: set 'inference.augment: none'"):
        refuse_asking("embedding", _config(augment="flips"))


def test_a_name_that_is_nearly_right_is_named() -> None:
    with pytest.raises(ValidationError, match=r"found 'flip'\. Did you mean 'flips'\?"):
        _config(augment="flip")
    with pytest.raises(ValidationError, match=r"greater than or equal to 0\.25"):
        _config(augment={"scales": [0.1]})


def test_entropy_of_several_classes_is_that_of_each() -> None:
    kind = _kind(per="image", classes=CLASSES, multi_label=True)
    grid = SimpleNamespace(height=1, width=2)
    profiles = kind.profiles(grid, {}, details={"entropy"})  # type: ignore[attr-defined]
    blended = np.array([[[0.5, 1.0]], [[0.1, 0.0]]], np.float32)
    products = kind.products(blended, np.array([[True, True]]), profiles)  # type: ignore[attr-defined]
    bits = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert np.allclose(products["entropy"], [[[1, 0]], [[bits, 0]]], atol=1e-6)


def test_what_is_not_compiled_is_not_said_to_be() -> None:
    refuse_compiling("answers", _config(compile=True))
    refuse_compiling("reconstruction", _config())
    with pytest.raises(SpecError, match=r"'inference.compile' has no effect where a model of images alone paints"):
        refuse_compiling("reconstruction", _config(compile=True))
