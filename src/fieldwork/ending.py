"""A run that is told to end takes away what it has half written."""

from __future__ import annotations

from contextlib import ExitStack

from kedro.framework.hooks import hook_impl

from groundwork.ending import ending_orderly


class EndsOrderly:
    """Lets a run be ended by a queue of jobs as by Ctrl-C; see :func:`groundwork.ending.ending_orderly`."""

    def __init__(self) -> None:
        self._held = ExitStack()

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Take the signal."""
        self._held.enter_context(ending_orderly())

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Give it back."""
        self._held.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Give it back."""
        self._held.close()
