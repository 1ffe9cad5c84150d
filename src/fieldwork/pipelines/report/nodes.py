"""Nodes of ``report``."""

from __future__ import annotations

from typing import Any


def draw_charts(scores: Any, history: Any, samples: Any) -> tuple[Any, Any, Any]:
    """Draw interactive charts: scores beside the baselines', the history, and where the splits lie."""
    from groundwork.reporting.charts import draw_history, draw_scores
    from groundwork.reporting.places import draw_map

    return draw_scores(scores), draw_history(history), draw_map(samples)


def gather_pictures(confusion: Any, reliability: Any, extremes: Any, panel: Any, quicklooks: Any) -> Any:
    """Make pictures that are there already small enough for the page."""
    from groundwork.reporting.pictures import gather_pictures

    figures = {"confusion": confusion, "reliability": reliability, "extremes": extremes, "panel": panel}
    return gather_pictures(figures, quicklooks)


def gather_texts(bundle: Any, samples: Any, model_card: str, data_audit: str, project_facts: Any) -> Any:
    """Say in words what the model is, what was found in the data, and where all of it comes from."""
    from groundwork.reporting.origin import origin_of_code, origin_of_data, origin_of_model
    from groundwork.reporting.page import Texts

    facts = {name: origin_of_code(part) for name, part in project_facts.items()}
    run, code, environment = (facts[name] for name in ("run", "code", "environment"))
    origin = {
        "Trained bundle": origin_of_model(bundle),
        "Data": origin_of_data(samples),
        "Run": run | code,
        "Environment": environment,
    }
    return Texts(f"{run['recipe']}: {bundle.config.model.title()}", model_card, data_audit, origin)


def write_report(
    score_chart: Any, history_chart: Any, scene_map: Any, scores: Any, scene_scores: Any, pictures: Any, texts: Any
) -> str:
    """Write the page: one file that needs neither a server nor a network."""
    from groundwork.reporting.page import write_page

    charts = {"scores": score_chart, "history": history_chart, "map": scene_map}
    return write_page(charts, scores, scene_scores, pictures, texts)
