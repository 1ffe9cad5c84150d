"""A model is judged on samples that it was not trained with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.config import EvaluationConfig
from groundwork.data.sample_table import read_samples, write_samples
from groundwork.data.splits import assign_splits
from groundwork.errors import BundleError, DataError
from groundwork.evaluation.report import held_out


@pytest.fixture
def trained(tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> Bundle:
    """A bundle that names the samples it was trained beside."""
    provenance = tiny_bundle.config.provenance | {"samples": fingerprint.of_table(tiny_data.samples)}
    return Bundle(tiny_bundle.config.model_copy(update={"provenance": provenance}), tiny_bundle.weights)


def _in(samples: pd.DataFrame, split: str) -> set[str]:
    return set(samples["sample_id"][samples["split"] == split])


def _split_anew(data: SimpleNamespace) -> pd.DataFrame:
    """Split until some test samples are among those that were trained on."""
    chips = data.samples.drop(columns="split")
    tables = (assign_splits(chips, data.config.split, {}, seed) for seed in range(1, 50))
    return next(table for table in tables if _in(table, "test") & _in(data.samples, "train"))


def test_the_samples_of_the_training_are_taken(trained: Bundle, tiny_data: SimpleNamespace, tmp_path: Path) -> None:
    config = EvaluationConfig()
    data = held_out(trained, tiny_data.samples, tiny_data.scenes, tiny_data.labels, config)
    pd.testing.assert_frame_equal(data.samples, tiny_data.samples)
    write_samples(tiny_data.samples, tmp_path / "samples.csv")
    held_out(trained, read_samples(tmp_path / "samples.csv"), tiny_data.scenes, tiny_data.labels, config)


def test_samples_that_were_split_anew_are_refused(trained: Bundle, tiny_data: SimpleNamespace) -> None:
    samples = _split_anew(tiny_data)
    with pytest.raises(BundleError, match=r"bundle was trained beside.*Train again.*other_samples: allow"):
        held_out(trained, samples, tiny_data.scenes, tiny_data.labels, EvaluationConfig())
    allowed = EvaluationConfig(other_samples="allow")
    assert held_out(trained, samples, tiny_data.scenes, tiny_data.labels, allowed).samples.equals(samples)


def test_samples_of_other_sources_are_refused(trained: Bundle, tiny_data: SimpleNamespace) -> None:
    samples = tiny_data.samples.rename(columns={"path_optical": "path_radar"})
    with pytest.raises(DataError, match=r"no files of the sources \['optical'\], which the bundle reads"):
        held_out(trained, samples, tiny_data.scenes, tiny_data.labels, EvaluationConfig(other_samples="allow"))


def test_a_bundle_that_names_no_samples_is_judged(tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    held_out(tiny_bundle, tiny_data.samples, tiny_data.scenes, tiny_data.labels, EvaluationConfig())
