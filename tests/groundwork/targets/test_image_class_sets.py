"""Several classes per image: what a table says, what is summed up, how scores are judged, what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from rasterio.transform import from_origin
from rasterio.windows import Window
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from groundwork.batch import Truth
from groundwork.errors import RasterError, SpecError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.classes import CLASSES, PROBABILITIES
from groundwork.targets.image_class_sets import ImageClassSets
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.set_scores import SetScores

NAMES = ("water", "forest", "town")
WORDS: list[dict[str, Any]] = [
    {"value": 1, "name": "water", "color": "#0000ff", "threshold": 0.3},
    {"value": 2, "name": "forest", "color": "#00aa00"},
    {"value": 3, "name": "town", "color": "#ff0000", "threshold": 0.8},
]
COLUMNS: dict[str, Any] = {"per": "image", "multi_label": True, "classes": WORDS}
LISTED = COLUMNS | {"column": "covers", "separator": ",", "no_class": "none"}
GRID = Grid(None, from_origin(0, 0, 1, 1), 4, 4)
Y, N = 1, 0


def kind(**changes: Any) -> ImageClassSets:
    found = kind_of(TargetSpec.model_validate(COLUMNS | changes))
    assert isinstance(found, ImageClassSets)
    return found


def answers_of(target: dict[str, Any], row: dict[str, object]) -> list[int]:
    label = kind(**target).open_label(LabelSource((Path("t.csv"),), row, "s7"), GRID)
    read = np.asarray(label.read(Window(0, 0, 3, 2)))
    assert read.shape == (3, 2, 3)
    assert (read == read[:, :1, :1]).all()
    found: list[int] = read[:, 0, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("town,water", [Y, N, Y]),
        (" forest ", [N, Y, N]),
        ("2, 3", [N, Y, Y]),
        (2, [N, Y, N]),
        ("none", [N, N, N]),
        (None, [IGNORE] * 3),
        ("", [IGNORE] * 3),
        ("forest,9", [IGNORE] * 3),
    ],
)
def test_one_column_lists_the_classes(cell: object, answers: list[int]) -> None:
    assert answers_of(LISTED | {"ignore_value": 9}, {"covers": cell}) == answers


@pytest.mark.parametrize(
    ("cells", "answers"),
    [
        (("1", "0", "1"), [Y, N, Y]),
        ((True, False, "TRUE"), [Y, N, Y]),
        (("", None, "false"), [IGNORE, IGNORE, N]),
        ((1.0, float("nan"), "0.0"), [Y, IGNORE, N]),
        (("-1", -1, "1.0"), [IGNORE, IGNORE, Y]),
    ],
)
def test_each_class_has_a_column(cells: tuple[object, ...], answers: list[int]) -> None:
    assert answers_of(COLUMNS | {"ignore_value": -1}, dict(zip(NAMES, cells, strict=True))) == answers


@pytest.mark.parametrize(
    ("target", "row", "message"),
    [
        (
            LISTED,
            {"covers": "water,forst"},
            r"t\.csv: found 'forst' in column 'covers' of 's7', split by ','; expected some of \['water', 'forest', "
            r"'town'\], or 'none' by itself\. .* Did you mean 'forest'",
        ),
        (LISTED, {"covers": "water,none"}, "found 'none' .* 'none' by itself"),
        (LISTED, {"covers": "water,,town"}, "found '' in column 'covers'"),
        (LISTED, {"cover": "water"}, r"found the columns \['cover'\]; expected one called 'covers'"),
        (COLUMNS, {"water": 1, "forest": 1}, "expected one called 'town'"),
        (COLUMNS, {"water": "2"}, "found '2' in column 'water' of 's7'; expected 1 or true, 0 or false, or nothing"),
    ],
)
def test_rows_that_say_nothing_are_refused(target: dict[str, Any], row: dict[str, object], message: str) -> None:
    with pytest.raises(RasterError, match=message):
        answers_of(target, row)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"per": "pixel"}, "'multi_label' asks .* the target has 'per: pixel': set 'per: image'"),
        ({"per": "object"}, "the target has 'per: object'"),
        ({"classes": (), "outputs": [{"name": "a"}]}, "the target has 'outputs'"),
        ({"column": "covers"}, "give 'column' and 'separator' together"),
        ({"separator": ";"}, "give 'column' and 'separator' together"),
        ({"no_class": "none"}, "'no_class' is what a 'column' with a 'separator' says"),
        ({"ignore_value": 0, "classes": WORDS[1:]}, "ignore_value 0 stands for no or yes"),
        ({"column": "covers", "separator": "o"}, "'forest' holds the separator 'o'"),
        ({"column": "covers", "separator": ";", "no_class": "town"}, "no_class 'town' is also the name of a class"),
        ({"multi_label": False}, "'threshold' of a class decides .* set 'multi_label'"),
        ({"multi_label": False, "classes": WORDS[1:2], "separator": ";"}, "'separator' is for tables"),
        ({"vectors": {"attribute": "use"}}, "'vectors' draws answers of pixels"),
    ],
)
def test_targets_that_contradict_themselves_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TargetSpec.model_validate(COLUMNS | words)


def test_another_kind_of_target_is_refused() -> None:
    with pytest.raises(SpecError, match="set 'multi_label: true'"):
        ImageClassSets(TargetSpec.model_validate({"per": "image", "classes": WORDS[1:2]}))


def test_pixels_are_summed_up_by_class() -> None:
    answers = np.array([[[Y, Y, IGNORE]], [[N, Y, IGNORE]], [[IGNORE, IGNORE, IGNORE]]], np.int8)
    found = kind()
    sums = np.array([term.sum() for term in found.terms(answers)])
    assert sums.tolist() == [2, 2, 2, 2, 1, 0, 0]
    assert found.num_known(sums) == 2
    columns = found.columns(sums)
    assert (columns["fraction_water"], columns["fraction_forest"]) == (1, 0.5)
    assert np.isnan(columns["fraction_town"])
    with pytest.raises(SpecError, match=r"whether it is of \['town'\]"):
        found.summarise(sums)
    sums[-2:] = [4, 1]
    statistics = found.summarise(sums)
    assert statistics.class_pixels == {"water": 2, "forest": 1, "town": 1}
    assert statistics.known_pixels == {"water": 2, "forest": 2, "town": 4}
    assert found.activate(found.constant(statistics)).tolist() == pytest.approx([1, 0.5, 0.25], abs=1e-5)


def test_what_is_hidden_is_not_known_and_what_is_asked_is_what_known_pixels_say() -> None:
    found, answers = kind(), np.array([[[Y, Y]], [[N, N]], [[IGNORE, IGNORE]]], np.int8)
    found.hide(answers, np.array([[True, False]]))
    assert answers.tolist() == [[[Y, IGNORE]], [[N, IGNORE]], [[IGNORE, IGNORE]]]
    assert found.known(answers).tolist() == [[True, False]]
    assert found.asked(torch.from_numpy(answers)[None]).tolist() == [[Y, N, IGNORE]]


def test_each_class_is_decided_by_its_threshold() -> None:
    probabilities = torch.tensor([[0.4, 0.4, 0.4], [0.29, 0.51, 0.79], [0.31, 0.49, 0.81]])
    found = kind()
    assert found.decide(probabilities.logit()).tolist() == [[Y, N, N], [N, Y, N], [Y, N, Y]]
    profiles = found.profiles(GRID, {}, details={"probabilities"})
    assert profiles[CLASSES].tags == {"THRESHOLD_water": "0.3", "THRESHOLD_forest": "0.5", "THRESHOLD_town": "0.8"}
    blended = probabilities.T[:, None].numpy()
    products = found.products(blended, np.array([[True, True, False]]), profiles)
    assert products[CLASSES].tolist() == [[[Y, N, 255]], [[N, Y, 255]], [[N, N, 255]]]
    assert np.isnan(products[PROBABILITIES][:, 0, 2]).all()
    known = products[CLASSES][0] != 255
    assert found.from_product(products[CLASSES], known)[:, 0].tolist() == [[Y, N, -1], [N, Y, -1], [N, N, -1]]


def judged(found: ImageClassSets, truth: Any, probabilities: Any) -> SetScores:
    accumulator = found.accumulator()
    accumulator.update(Truth(torch.as_tensor(truth)), torch.as_tensor(probabilities).logit())
    return accumulator


def test_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, given = random.integers(0, 2, (60, 3)), random.random((60, 3)).round(1).clip(0.05, 0.95)
    truth[:20, 1] = IGNORE
    found = kind()
    accumulator = judged(found, truth, given)
    report, said = accumulator.report(), given >= np.array(found.thresholds)
    precisions = []
    for index, name in enumerate(NAMES):
        known = truth[:, index] != IGNORE
        is_so, score, yes = truth[known, index], given[known, index], said[known, index]
        precisions.append(average_precision_score(is_so, score))
        assert report["ap"][name] == pytest.approx(precisions[-1], abs=1e-6)
        assert report["auroc"][name] == pytest.approx(roc_auc_score(is_so, score), abs=1e-6)
        for part, score_of in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
            assert report[f"class_{part}"][name] == pytest.approx(score_of(is_so, yes), abs=1e-6)
    assert report["map"] == pytest.approx(np.mean(precisions), abs=1e-6)
    known = truth != IGNORE
    assert report["f1_micro"] == pytest.approx(f1_score(truth[known], said[known]), abs=1e-6)
    assert report["f1_macro"] == pytest.approx(np.mean(list(report["class_f1"].values())), abs=1e-6)
    # Where all is known, these are those of all classes at once.
    whole = judged(found, truth[20:], given[20:]).report()
    for average in ("micro", "macro"):
        assert whole[f"f1_{average}"] == pytest.approx(f1_score(truth[20:], said[20:], average=average), abs=1e-6)
    assert whole["map"] == pytest.approx(average_precision_score(truth[20:], given[20:]), abs=1e-6)
    assert accumulator.compute()["auroc_town"] == report["auroc"]["town"]
    assert set(accumulator.compute()) == set(found.score_directions(found.target))


def test_a_class_with_answers_of_one_kind_has_no_score_by_order_and_is_named() -> None:
    truth = [[Y, Y, IGNORE], [Y, N, IGNORE], [Y, N, IGNORE]]
    report = judged(kind(), truth, [[0.9, 0.8, 0.1], [0.2, 0.7, 0.1], [0.9, 0.1, 0.1]]).report()
    assert report["ap"] == {"water": None, "forest": 1.0, "town": None}
    assert report["auroc"] == {"water": None, "forest": 1.0, "town": None}
    assert report["map"] == 1
    assert report["class_f1"] == {"water": 0.8, "forest": pytest.approx(2 / 3, abs=1e-6), "town": None}
    assert report["images"] == {"water": 3, "forest": 1, "town": 0}
    assert report["known"] == {"water": 3, "forest": 3, "town": 0}
    nothing = kind().accumulator()
    assert nothing.compute() == {}
    assert nothing.report()["map"] is None
    assert nothing.num_known() == 0


def test_scores_of_parts_are_those_of_the_whole_in_any_order() -> None:
    random = np.random.default_rng(1)
    truth, given = random.integers(-1, 2, (40, 3)), random.random((40, 3))
    found = kind()
    whole, parts = judged(found, truth, given), [judged(found, truth[i::4], given[i::4]) for i in range(4)]
    for order in (parts, parts[::-1]):
        together = found.accumulator()
        for part in order:
            together.add(part)
        assert together.report() == whole.report()
    assert whole.num_known() == (truth != IGNORE).any(axis=1).sum()
    with pytest.raises(TypeError, match="cannot be added"):
        whole.add(kind_of(TargetSpec.model_validate({"per": "image", "classes": _plain()})).accumulator())
    whole.reset()
    assert whole.num_known() == 0


def _plain() -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "threshold"} for entry in WORDS]


def test_pictures_show_all_classes_in_stripes_and_where_they_are_wrong() -> None:
    found = kind()
    answers = np.zeros((3, 1, 40), np.int8)
    answers[[0, 2], :, :32] = 1
    answers[:, :, 39] = IGNORE
    picture = found.picture(answers)
    blue, red = [0, 0, 255], [255, 0, 0]
    assert picture[0, ::8].tolist()[:4] == [blue, red, blue, red]
    assert picture[0, 35].tolist() == list(bytes.fromhex(dict(found.legend())["none of them"][1:]))
    assert picture[0, 39].tolist() == [255, 255, 255]
    wrong = answers.copy()
    wrong[:, :, 0], wrong[0, :, 1] = 1 - answers[:, :, 0], 0
    errors = found.picture_of_errors(answers, wrong)
    assert errors[0, [0, 2, 39]].tolist() == [[197, 27, 27], [217, 217, 217], [255, 255, 255]]
    assert errors[0, 1].tolist() == [round(217 - 20 / 3), round(217 - 190 / 3), round(217 - 190 / 3)]


def test_the_figure_shows_a_curve_for_each_class_that_has_one() -> None:
    figure = judged(
        kind(), [[Y, Y, Y], [N, N, Y], [Y, N, Y]], [[0.9, 0.8, 0.1], [0.2, 0.7, 0.1], [0.4, 0.1, 0.1]]
    ).draw()
    left, right = figure.axes
    legend = left.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["water", "forest"]
    assert [bar.get_width() for bar in right.patches] == [2, 1, 0, 0, 0, 3, 0, 1, 0]
