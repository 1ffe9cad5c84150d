"""Numbers for each pixel."""

from __future__ import annotations

from groundwork.targets.pixel_numbers import PixelNumbers
from groundwork.tasks.number_task import NumberTask


class PixelRegressionTask(NumberTask):
    """Learns numbers for each pixel, such as heights. Errors count in deviations of each output."""

    answers = PixelNumbers
