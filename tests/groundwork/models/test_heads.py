"""Details of heads that the contract does not cover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from asking import ask, one
from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory
from groundwork.models.heads import HEADS
from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.classification import ClassificationHead
from groundwork.models.heads.regression import RegressionHead
from groundwork.models.heads.scalar_regression import ScalarRegressionHead
from groundwork.models.heads.scalar_sklearn import ScalarSklearnHead
from groundwork.models.heads.segmentation import SegmentationHead
from groundwork.models.heads.sklearn import SklearnHead
from groundwork.registry import build
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec, TargetSpec

LEVEL = FeatureSpec((FeatureLevel(8, 4),))


def test_convolutions_stand_before_the_scores() -> None:
    head = SegmentationHead(LEVEL, 3, channels=(6, 5)).eval()
    assert [tuple(weight.shape) for weight in head.parameters() if weight.dim() == 4] == [
        (6, 8, 3, 3),
        (5, 6, 3, 3),
        (3, 5, 1, 1),
    ]
    assert head.out == FeatureLevel(3, 4)
    assert head(Decoded(torch.randn(2, 8, 4, 7))).shape == (2, 3, 4, 7)


def test_dropout_silences_channels_only_in_training() -> None:
    head = SegmentationHead(LEVEL, 3, dropout=0.5)
    features = torch.randn(1, 8, 4, 4)
    assert not torch.equal(head.train()(Decoded(features)), head(Decoded(features)))
    torch.testing.assert_close(head.eval()(Decoded(features)), head(Decoded(features)), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((None, None), lambda raw: raw),
        ((-2.0, 3.0), lambda raw: -2 + 5 / (1 + np.exp(-raw))),
        ((1.0, None), lambda raw: 1 + np.log1p(np.exp(raw - 1))),
        ((None, 1.0), lambda raw: 1 - np.log1p(np.exp(1 - raw))),
    ],
)
def test_regression_stays_within_its_ranges(limits: Any, expected: Any) -> None:
    head = RegressionHead(LEVEL, 2, ranges=(limits, (None, None))).eval()
    features = 3 * torch.randn(1, 8, 2, 3)
    raw = head.regress(features).detach()
    given = head(Decoded(features)).detach()
    np.testing.assert_allclose(given[:, 0], expected(raw[:, 0].numpy()), rtol=1e-5, atol=1e-6)
    assert torch.equal(given[:, 1], raw[:, 1])


def test_numbers_are_given_in_their_units_once_their_statistics_are_set() -> None:
    head = RegressionHead(LEVEL, 3, ranges=((None, None), (0.0, None), (0.0, 100.0))).eval()
    features = torch.randn(4, 8, 2, 3)
    raw = head.regress(features).detach()
    head.limit.scale.set_statistics([150.0, 40.0, 50.0], [30.0, 20.0, 10.0])
    given = head(Decoded(features)).detach()
    torch.testing.assert_close(given[:, 0], 150 + 30 * raw[:, 0])
    expected = 20 * torch.nn.functional.softplus((40 + 20 * raw[:, 1]) / 20)
    torch.testing.assert_close(given[:, 1], expected)
    # A deviation above the limit, a number is nearly left as it is: 60 becomes 61.
    assert 20 * torch.nn.functional.softplus(torch.tensor(3.0)) == pytest.approx(61, abs=0.1)
    torch.testing.assert_close(given[:, 2], 100 * raw[:, 2].sigmoid())
    assert {"limit.scale.mean", "limit.scale.std"} <= head.state_dict().keys()
    with pytest.raises(ValueError, match="positive deviations of 3 outputs"):
        head.limit.scale.set_statistics([1.0, 2.0, 3.0], [1.0, 0.0, 1.0])


def test_one_range_holds_for_all_outputs() -> None:
    head = ScalarRegressionHead(LEVEL, 3, ranges=((0.0, 1.0),))
    raw = head.layers(torch.full((2, 8), 5.0))
    torch.testing.assert_close(head(Decoded(torch.full((2, 8, 3, 3), 5.0))), raw.sigmoid())


@pytest.mark.parametrize("per", ["pixel", "image"])
def test_numbers_between_limits_begin_at_the_mean_of_labels_and_weights_that_learnt_stay(
    per: str, raster: RasterSpec
) -> None:
    name = "regression" if per == "pixel" else "scalar_regression"
    numbers = [{"name": output, "minimum": 0, "maximum": 600} for output in ("low", "end", "free")]
    target = TargetSpec.model_validate({"per": per, "outputs": numbers, "deviation": True})
    head = {"name": name, "ranges": [[0, 600], [0, 600], [0, None]]}
    config = ModelConfig.model_validate(
        {"encoder": {"name": "timm", "model": "test_resnet"}, "decoder": {"name": "fcn", "channels": 8}, "head": head}
    )
    model = EncoderDecoderFactory().build_model(config, one(raster), target).eval()
    image = torch.randn(2, raster.num_channels, 1, 64, 64)
    middle = ask(model, image).output[:, :2].detach()
    assert (middle - 300).abs().max() < 200
    model.set_output_statistics([40.0, 0.0, 40.0], [60.0, 60.0, 60.0])
    begun = ask(model, image).output.detach()
    # A sigmoid of a sum: shares of the range are multiplied by the same odds everywhere.
    odds = middle / (600 - middle) * torch.tensor([40 / 560, 0.005 / 0.995]).reshape(1, 2, *(1,) * (middle.dim() - 2))
    torch.testing.assert_close(begun[:, :2], 600 * odds / (1 + odds), rtol=1e-4, atol=1e-3)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.set_output_statistics([200.0] * 3, [60.0] * 3)
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed
    assert all(key.rpartition(".")[2] in {"mean", "std"} for key in changed), "they are of a bundle that was trained"


@pytest.mark.parametrize("weights", [torch.bfloat16, torch.float32])
def test_numbers_are_in_single_precision_whatever_the_network_computes_in(weights: torch.dtype) -> None:
    head = RegressionHead(LEVEL, 3, ranges=((None, None), (0.0, None), (0.0, 8000.0)))
    head.limit.scale.set_statistics([2731.0, 2731.0, 1.0], [5.0, 5.0, 1.0])
    nn.init.zeros_(head.regress.weight)
    with torch.no_grad():
        head.regress.bias.copy_(torch.tensor([0.0, 0.0, 0.0625]))  # each a number of bfloat16
    head = head.to(weights)
    with torch.autocast("cpu", torch.bfloat16, enabled=weights == torch.float32), torch.no_grad():
        given = head(Decoded(torch.ones(1, 8, 2, 2, dtype=weights), None))[0, :, 0, 0]
    assert given.tolist() == pytest.approx([2731, 2731, 8000 / (1 + np.exp(-0.0625))], rel=1e-6)


def test_ranges_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ComponentError, match=r"for each of 3, got 2: \[\[0.0, 1.0\], \[0.0, None\]\]"):
        RegressionHead(LEVEL, 3, ranges=((0.0, 1.0), (0.0, None)))
    with pytest.raises(ComponentError, match=r"ranges from low to high, got \[1.0, 0.0\]. Turn it round"):
        ScalarRegressionHead(LEVEL, 1, ranges=((1.0, 0.0),))


def test_ranges_are_written_in_yaml_as_pairs() -> None:
    config = ComponentConfig.model_validate({"name": "regression", "ranges": [[0, 100], [0, None]]})
    head = build(Head, HEADS, config, LEVEL, 2)
    assert head(Decoded(-50 * torch.ones(1, 8, 1, 1))).min() >= 0


def test_regression_doubles_the_resolution_and_starts_even() -> None:
    head = RegressionHead(LEVEL, 2, upscale_layers=2, channels=(6,), dropout=0.1).eval()
    assert head.out == FeatureLevel(2, 1)
    features = torch.randn(1, 8, 3, 5)
    assert head(Decoded(features)).shape == (1, 2, 12, 20)
    first = head.upscale[0](features)
    assert torch.equal(first, first[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))
    with pytest.raises(ComponentError, match="a map of stride 4 0 to 2 times, got upscale_layers=3"):
        RegressionHead(LEVEL, 2, upscale_layers=3)


@pytest.mark.parametrize("pooling", ["mean", "max", "min", "vector"])
def test_image_heads_pool_as_they_are_told(pooling: Any) -> None:
    head = ClassificationHead(FeatureSpec(LEVEL.levels, 5), 3, pooling=pooling, channels=(7,)).eval()
    features, vector = torch.randn(2, 8, 3, 4), torch.randn(2, 5)
    flat = features.flatten(2)
    pooled = {"mean": flat.mean(2), "max": flat.max(2).values, "min": flat.min(2).values, "vector": vector}[pooling]
    hidden, _, _, last = head.layers
    torch.testing.assert_close(head(Decoded(features, vector)), last(hidden(pooled).relu()))


def test_a_vector_that_is_not_there_is_refused() -> None:
    with pytest.raises(
        SpecError, match=r"'classification' is told to use the encoder's global vector, but .* 'vector: true'"
    ):
        ClassificationHead(LEVEL, 3, pooling="vector")


ROWS: NDArray[np.float32] = (np.random.default_rng(0).normal(size=(400, 8)) * [1, 50, 0.1, 1, 1, 1, 1, 1] + 3).astype(
    np.float32
)
TRUTH = ROWS[:, 0] + 0.03 * ROWS[:, 1]
CLASSES = np.digitize(TRUTH, np.quantile(TRUTH, [0.4, 0.7]))
NUMBERS = np.stack([TRUTH, 5 - TRUTH**2, 100 * ROWS[:, 2]], axis=1)
SMALL = {"n_estimators": 7, "max_depth": 4}
CLASSIFIERS: dict[str, Any] = {
    "logistic_regression": ({"C": 0.5}, LogisticRegression(C=0.5)),
    "linear_discriminant_analysis": ({}, LinearDiscriminantAnalysis()),
    "nearest_centroid": ({}, NearestCentroid()),
    "random_forest_classifier": (SMALL, RandomForestClassifier(random_state=0, **SMALL)),
}
REGRESSORS: dict[str, Any] = {
    "linear_regression": ({}, LinearRegression()),
    "ridge": ({"alpha": 3.0}, Ridge(alpha=3.0)),
    "random_forest_regressor": (SMALL, RandomForestRegressor(random_state=0, **SMALL)),
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classes_are_those_of_scikit_learn(name: Any, classes: int) -> None:
    options, estimator = CLASSIFIERS[name]
    labels = np.minimum(CLASSES, classes - 1)
    head = ScalarSklearnHead(LEVEL, classes, estimator=name, options=options)
    head.fit(ROWS, labels)
    rows = StandardScaler().fit_transform(ROWS.astype(np.float64)).astype(np.float32)
    estimator.fit(rows, labels)
    scores = head(Decoded(torch.from_numpy(ROWS).reshape(-1, 8, 1, 1))).numpy()
    # A row within rounding of a border may fall to its other side.
    assert (scores.argmax(1) == estimator.predict(rows)).mean() > 0.99
    if name != "nearest_centroid":
        given = torch.from_numpy(scores).softmax(1).numpy()
        assert np.quantile(np.abs(given - estimator.predict_proba(rows)).max(axis=1), 0.95) < 1e-4


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", REGRESSORS)
def test_numbers_are_those_of_scikit_learn(name: Any, outputs: int) -> None:
    options, estimator = REGRESSORS[name]
    labels = NUMBERS[:, :outputs]
    head = SklearnHead(LEVEL, outputs, estimator=name, options=options, standardise=False)
    features = torch.from_numpy(ROWS).reshape(4, 10, 10, 8).movedim(-1, 1)
    assert torch.equal(head.rows(Decoded(features)), torch.from_numpy(ROWS))
    head.fit(head.rows(Decoded(features)).numpy(), labels)
    expected = estimator.fit(ROWS, labels[:, 0] if outputs == 1 else labels).predict(ROWS).reshape(4, 10, 10, outputs)
    np.testing.assert_allclose(head(Decoded(features)).movedim(1, -1), expected, rtol=1e-3, atol=1e-3)


def test_trees_agree_on_their_very_thresholds() -> None:
    """Thresholds lie between samples; here samples are put on them, where rounding up would turn the answer."""
    head = ScalarSklearnHead(LEVEL, 3, estimator="random_forest_classifier", options=SMALL, standardise=False)
    head.fit(ROWS, CLASSES)
    estimator = RandomForestClassifier(random_state=0, **SMALL).fit(ROWS, CLASSES)
    tree = estimator.estimators_[0].tree_
    rows = np.tile(ROWS[:20], (3, 1))
    rows[:, tree.feature[0]] = np.repeat(np.float32(tree.threshold[0]), 60)
    rows[20:40, tree.feature[0]] = np.nextafter(rows[20:40, tree.feature[0]], np.float32(np.inf))
    rows[40:, tree.feature[0]] = np.nextafter(rows[40:, tree.feature[0]], np.float32(-np.inf))
    given = head.estimator(torch.from_numpy(rows)).softmax(1).numpy()
    np.testing.assert_allclose(given, estimator.predict_proba(rows), atol=1e-5)


def test_classes_that_no_sample_has_are_never_chosen() -> None:
    head = ScalarSklearnHead(LEVEL, 5)
    head.fit(ROWS, np.where(CLASSES == 2, 4, CLASSES))
    scores = head(Decoded(torch.from_numpy(ROWS).reshape(-1, 8, 1, 1)))
    assert set(scores.argmax(1).tolist()) == {0, 1, 4}
    assert scores.isfinite().all()


class OfMap(nn.Module):
    """A head by itself, which takes a plain tensor."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, decoded: Tensor) -> Tensor:
        return self.head(Decoded(decoded))


def test_fitted_heads_travel_as_safetensors_and_export(tmp_path: Path) -> None:
    head = SklearnHead(LEVEL, 3, estimator="random_forest_classifier", options=SMALL).eval()
    head.fit(ROWS, CLASSES)
    assert not list(head.parameters())
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    other = SklearnHead(LEVEL, 3, estimator="random_forest_classifier", options=SMALL).eval()
    features = torch.randn(2, 8, 3, 4)
    with pytest.raises(RuntimeError, match="'random_forest_classifier' of the head 'sklearn' has not been fitted"):
        other(Decoded(features))
    other.load_state_dict(load_file(tmp_path / "head.safetensors"), strict=True)
    assert torch.equal(other(Decoded(features)), head(Decoded(features)))
    exported = torch.export.export(OfMap(head), (features,)).module()
    torch.testing.assert_close(exported(features), head(Decoded(features)))


FITS: dict[str, tuple[Any, Any, str]] = {
    "channels": (ROWS[:, :5], CLASSES, r"features \(rows, 8\) with one label per row, got features \(400, 5\)"),
    "rows": (ROWS, CLASSES[:9], r"got features \(400, 8\) and labels \(9,\)"),
    "classes": (ROWS, CLASSES + 1, r"a number from 0 to 2, got labels \(400,\) with the values \[1, 2, 3\]"),
    "not a number": (np.where(ROWS > 100, np.nan, ROWS), CLASSES, "fitted on finite numbers"),
}


@pytest.mark.parametrize(("features", "labels", "message"), FITS.values(), ids=FITS)
def test_what_cannot_be_fitted_is_refused(features: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SklearnHead(LEVEL, 3).fit(features, labels)


def test_regression_needs_its_number_of_outputs() -> None:
    with pytest.raises(ValueError, match=r"needs labels \(rows, 3\), got \(400,\)"):
        SklearnHead(LEVEL, 3, estimator="ridge").fit(ROWS, TRUTH)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "estimator": ({"estimator": "svc"}, "Input should be 'linear_discriminant_analysis', 'linear_regression'"),
    "option": (
        {"options": {"max_itr": 10}},
        r"'logistic_regression' has no option 'max_itr'. Did you mean 'max_iter'\?",
    ),
    "depth": (
        {"estimator": "random_forest_classifier", "options": {"max_depth": 40}},
        "holds trees of 1 to 12 levels, got max_depth=40",
    ),
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.values(), ids=OPTIONS)
def test_estimators_that_cannot_be_held_are_refused(options: Any, message: str) -> None:
    config = ComponentConfig.model_validate({"name": "scalar_sklearn", **options})
    with pytest.raises(ComponentError, match=message):
        build(Head, HEADS, config, LEVEL, 3)


def test_options_that_change_the_prediction_are_noticed() -> None:
    head = SklearnHead(LEVEL, 3, estimator="nearest_centroid", options={"metric": "manhattan"})
    with pytest.raises(ComponentError, match=r"predicts otherwise than scikit-learn\. Leave out the options"):
        head.fit(ROWS, CLASSES)
    with pytest.raises(RuntimeError, match="has not been fitted"):
        head(Decoded(torch.randn(1, 8, 2, 2)))


def test_an_estimator_needs_two_classes_to_tell_apart() -> None:
    with pytest.raises(
        ComponentError, match="'logistic_regression' tells at least two classes apart, the target has o"
    ):
        SklearnHead(FeatureSpec((FeatureLevel(4, 1),)), 1)
    assert SklearnHead(FeatureSpec((FeatureLevel(4, 1),)), 1, estimator="ridge").out.channels == 1


def test_ranges_may_be_cut_off_as_a_relu_does() -> None:
    head = RegressionHead(LEVEL, 2, ranges=((0.0, None), (None, 1.5)), limit="cut").eval()
    head.limit.scale.set_statistics([1.0, 2.0], [3.0, 4.0])
    features = torch.randn(2, 8, 4, 5)
    raw = torch.nn.functional.conv2d(features, head.regress.weight, head.regress.bias)
    expected = torch.stack([(3 * raw[:, 0] + 1).relu(), (4 * raw[:, 1] + 2).clamp(max=1.5)], dim=1)
    torch.testing.assert_close(head(Decoded(features)), expected)


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_layers_may_stand_before_the_pool(pooling: Any) -> None:
    head = ClassificationHead(LEVEL, 3, channels=(6,), layers_on="cells", pooling=pooling).eval()
    features, share = torch.randn(2, 8, 4, 5), torch.rand(2, 1, 4, 5)
    first, last = head.layers[0], head.layers[-1]
    cells = features.flatten(2).transpose(1, 2)
    answers = ((cells @ first.weight.T + first.bias).relu() @ last.weight.T + last.bias).transpose(1, 2)
    weighed = (answers * share.flatten(2)).sum(2) / share.flatten(2).sum(2)
    expected = weighed if pooling == "mean" else answers.amax(2)
    torch.testing.assert_close(head(Decoded(features, share_valid=share)), expected)


def test_layers_on_cells_of_a_vector_are_refused() -> None:
    with pytest.raises(ComponentError, match="leave out 'layers_on' or 'pooling'"):
        ScalarRegressionHead(FeatureSpec(LEVEL.levels, vector=4), 1, pooling="vector", layers_on="cells")
