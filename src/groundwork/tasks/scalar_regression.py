"""Numbers for each image."""

from __future__ import annotations

from groundwork.targets.image_numbers import ImageNumbers
from groundwork.tasks.number_task import NumberTask


class ScalarRegressionTask(NumberTask):
    """Learns numbers for each image, such as yields. Errors count in deviations of each output."""

    answers = ImageNumbers
