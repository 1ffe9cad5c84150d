"""Whether the validation split has the answers that weights are to be chosen by."""

from __future__ import annotations

import numpy as np

from groundwork.data.chips import LabelledData
from groundwork.errors import DataError
from groundwork.targets.classes import fraction_column


def require_answers(monitor: str | None, data: LabelledData) -> None:
    """Refuse to choose weights by the score of a class of which the validation split has no answers.

    Args:
        monitor: The score. None: none is needed.
        data: Whose sample table says what lies in each chip.

    Raises:
        DataError: With what to change.
    """
    rows, score = data.of_split("val"), (monitor or "").removeprefix("val/")
    fitting = [name for name in data.target.names if score.endswith(f"_{name}")] if data.target.classes else []
    # Of names of which one ends as the other, the longer is meant.
    name = max(fitting, key=len, default=None)
    if name is None or fraction_column(name) not in rows or rows.empty:
        return
    shares = rows[fraction_column(name)].dropna().to_numpy(np.float64)
    has_some, has_others = bool((shares > 0).any()), bool((shares < 1).any())
    needs_others = score.startswith("auroc_")
    if has_some and (has_others or not needs_others):
        return
    found = f"no chip with '{name}'" if not has_some else f"'{name}' on every chip, and none without it"
    hint = " A curve of both kinds of answers needs both." if needs_others else ""
    raise DataError(
        f"training.monitor is '{monitor}', and the validation split has {found}.{hint} Choose another score, such as "
        f"'val/{data.kind.main_score}', or split the samples anew"
    )
