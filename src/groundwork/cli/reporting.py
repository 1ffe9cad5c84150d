"""What a person looks at of a run of the commands of Lightning: card, audit, quick-looks, and one page of all."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from groundwork.atomic import whole_file
from groundwork.audit.data import audit_data
from groundwork.audit.findings import as_page
from groundwork.bundle import Bundle
from groundwork.config.data import DataConfig
from groundwork.config.inference import InferenceConfig
from groundwork.data.preparing import VALUES
from groundwork.data.scene_stack import folders_by_source
from groundwork.data.value_report import ValueReport
from groundwork.evaluation.quicklooks import draw_quicklooks
from groundwork.evaluation.report import Judgement
from groundwork.prediction.names import Names
from groundwork.prediction.products import ANSWERS
from groundwork.prediction.scene_writing import write_text
from groundwork.prediction.source import scene_specs
from groundwork.rasters.folder import RasterFolder
from groundwork.reporting.charts import draw_history, draw_scores
from groundwork.reporting.origin import origin_of_code, origin_of_data, origin_of_model
from groundwork.reporting.page import Texts, write_page
from groundwork.reporting.pictures import gather_pictures
from groundwork.reporting.places import draw_map

#: What lies in the folder of a run, beside its results.
CARD, AUDIT, HISTORY, QUICKLOOKS, REPORT = (
    "model_card.md", "data_audit.md", "history.csv", "quicklooks", "report.html"
)  # fmt: skip
#: Figures of a judged split, as the page names them.
FIGURES = ("confusion", "reliability", "extremes", "panel")


def write_audit(folder: Path, samples: pd.DataFrame, data: DataConfig) -> None:
    """Write what is to be said of splits and values.

    Args:
        folder: Of the run, with the report of values.
        samples: The table of samples, with splits.
        data: What is stated of them.
    """
    values = ValueReport.model_validate_json((folder / VALUES).read_text(encoding="utf-8"))
    write_text(folder / AUDIT, as_page(audit_data(samples, values, data)))


def write_quicklooks(
    bundle: Bundle,
    rasters: RasterFolder | Mapping[str, RasterFolder],
    asked: InferenceConfig,
    folder: Path,
    names: Names,
) -> None:
    """Draw scenes beside what was predicted of them.

    Args:
        bundle: What was asked.
        rasters: The scenes.
        asked: How it was asked.
        folder: Of the run.
        names: Of the predictions.
    """
    specs = scene_specs(bundle.config.inputs, asked)
    spec, scenes = specs[bundle.reference], folders_by_source(rasters, specs, may_lack=True)[bundle.reference]
    drawn = draw_quicklooks(bundle, spec, scenes, _answers(names, scenes), asked)
    for key, draw in drawn.items():
        place = folder / QUICKLOOKS / f"{key}.png"
        if draw is None:
            place.unlink(missing_ok=True)
        else:
            save_figure(draw(), place)


def _answers(names: Names, scenes: RasterFolder) -> RasterFolder:
    """Return the files of the answers, by scene."""
    found = {
        key: (name,)
        for key in scenes.files
        for answer, suffix in ANSWERS.items()
        if (names.folder / (name := f"{key}_{answer}{suffix}")).is_file()
    }
    return RasterFolder(names.folder, found)


def write_report(
    folder: Path, judged: str, found: Judgement, samples: pd.DataFrame, bundle: Bundle, seed: int
) -> Path | None:
    """Write one page of all that a run left, where it was trained and judged in one folder.

    Args:
        folder: Of the run.
        judged: Name of the folder with the figures of the split that was judged.
        found: What was found.
        samples: The table of samples, with splits.
        bundle: What was judged.
        seed: Of the run.

    Returns:
        The page; None where the training was elsewhere, and its history is not here.
    """
    if not all((folder / name).is_file() for name in (HISTORY, CARD, AUDIT)):
        return None
    charts = {
        "scores": draw_scores(found.scores),
        "history": draw_history(pd.read_csv(folder / HISTORY)),
        "map": draw_map(samples),
    }
    figures = {name: (folder / judged / f"{name}.png").read_bytes() for name in FIGURES}
    pictures = {file.stem: file.read_bytes for file in sorted((folder / QUICKLOOKS).glob("*.png"))}
    origin = {
        "Trained bundle": origin_of_model(bundle),
        "Data": origin_of_data(samples),
        "Run": origin_of_code({"output": folder.name, "split": judged, "seed": seed}),
        "Environment": origin_of_code(_versions()),
    }
    texts = Texts(
        f"{folder.name}: {bundle.config.model.title()}",
        (folder / CARD).read_text(encoding="utf-8"),
        (folder / AUDIT).read_text(encoding="utf-8"),
        origin,
    )
    page = write_page(charts, found.scores, found.by_scene, gather_pictures(figures, pictures), texts)
    write_text(folder / REPORT, page)
    return folder / REPORT


def _versions() -> dict[str, Any]:
    packages = ("groundwork", "torch", "lightning", "timm", "rasterio", "numpy")
    return {"python": sys.version.split()[0], **{name: version(name) for name in packages}}


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure, the same bytes for the same figure."""
    with whole_file(file) as partial:
        figure.savefig(partial, dpi=120, metadata={"Software": None})
