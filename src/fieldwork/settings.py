"""Project settings, read by Kedro."""

from pathlib import Path

from fieldwork.bundle_holds import BundleHolds
from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.ending import EndsOrderly
from fieldwork.hooks import AroundRun
from fieldwork.kept_results import KeptResults
from fieldwork.local_values import make_resolver
from fieldwork.one_run import OneRun
from fieldwork.run_record import RunRecord
from fieldwork.same_recipe import SameRecipe
from fieldwork.terminal import log_as_stated, show_errors_plainly
from fieldwork.tracking import Tracking

PROJECT = Path(__file__).parents[2]

log_as_stated(PROJECT)
show_errors_plainly()

# Kedro calls the last one first: the lock is taken once all else is checked.
HOOKS = (EndsOrderly(), OneRun(), AroundRun(), SameRecipe(), BundleHolds(), KeptResults(), RunRecord(), Tracking())

CONFIG_LOADER_CLASS = RecipeConfigLoader
#: Gives values of this machine.
LOCAL_VALUES = make_resolver(PROJECT / "conf" / "local" / "values.yml")
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # Without "soft", an environment or `--params a.b=1` silently drops the keys beside the one it sets.
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
    "custom_resolvers": {"local": LOCAL_VALUES},
}
