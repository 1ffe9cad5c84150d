"""How recipes (Kedro environments) change the base configuration, and the name under which a run's results lie."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import yaml
from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from groundwork.config.merging import merge
from groundwork.rasters.addresses import local_path
from groundwork.strict import did_you_mean

logger = logging.getLogger(__name__)

#: Files of environments that are read otherwise: DVC's, and values of this machine in one of them.
OTHER_FILES = ("dvc.yaml", "dvc.lock")
VALUES = "local/values.yml"
#: A name that a file asks the command line for.
_RUNTIME = re.compile(r"\$\{runtime_params:\s*['\"]?(\w+)")
#: Joins recipes of which each changes the ones before it: ``my_region+dofa``.
AND = "+"


class ConfigurationError(ValueError):
    """Files of configuration that cannot be read, or that nothing reads."""


class RecipeConfigLoader(OmegaConfigLoader):
    """Merges softly, except that a component picked anew replaces the old one with all its options.

    Several recipes are joined by ``+``. ``${recipe:}`` in the catalog is the name of what runs, so that each recipe's
    results lie in a place of their own. Refuses environments that are not there, and files that cannot be read or that
    nothing reads, by name.
    """

    @property
    def recipe(self) -> str:
        """Name of what runs: the environment as it was asked for, or the base's."""
        return self.env if self.env not in (None, self.default_run_env) else self.base_env

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Read one kind of configuration. Credentials of this machine, in ``conf/local``, hold in every environment.

        A ``~`` at the beginning of a path of the catalog is the home folder: Kedro would look for it in the project.

        Raises:
            ConfigurationError: For an environment that is not there, and a value that cannot be filled in.
        """
        if key == "catalog":
            return {name: _at_home(entry) for name, entry in self._read(key).items()}
        if key != "credentials":
            return self._read(key)
        try:
            stated = self._read(key)
        except MissingConfigException:
            stated = {}
        folder = self._get_conf_env_path(self.default_run_env)
        files = self._read_dir_configs(folder, self.config_patterns[key], key, set()) if Path(folder).is_dir() else {}
        return merge(self._merge_and_resolve(key, files) if files else {}, stated)

    def _read(self, key: str) -> dict[str, Any]:
        self._check_environment()
        # Resolvers belong to the process, and another loader may have read since.
        OmegaConf.register_new_resolver("recipe", lambda: self.recipe, replace=True)
        try:
            read: dict[str, Any] = super().__getitem__(key)
            for recipe in [] if key in self.data else self._recipes()[1:]:
                path = self._get_conf_env_path(recipe)
                changed = self._merge_and_resolve(
                    key, self._read_dir_configs(path, self.config_patterns[key], key, set())
                )
                read = self._merge_configs(read, changed, key, path)
        except OmegaConfBaseException as error:
            reason, place = str(error).partition("\n")[0], error.full_key
            raise ConfigurationError(f"{key} of {self._folders()}: '{place}' cannot be filled in. {reason}") from error
        return read

    def check_files(self) -> None:
        """Refuse files of the environment that nothing reads.

        Raises:
            ConfigurationError: With the near miss.
        """
        joint = [self.env] if self.env and AND in self.env else []
        for folder in [*self._folders(), *joint]:
            root = Path(self.conf_source) / folder
            patterns = [pattern for patterns in self.config_patterns.values() for pattern in patterns]
            found = (file for pattern in patterns for file in self._fs.glob(f"{root.as_posix()}/{pattern}"))
            # What recipes say together stands in each of their folders.
            # Kedro passes over suffixes in capitals.
            taken = [] if folder in joint else [file for file in map(Path, found) if self._is_valid_config_path(file)]
            read = {*taken, *(root / name for name in OTHER_FILES)}
            read.add(Path(self.conf_source) / VALUES)
            known = sorted({file.name for file in (Path(self.conf_source) / self.base_env).iterdir()})
            kinds = sorted(key for key in self.config_patterns if key != "globals")
            files = (file for file in root.rglob("*") if file.suffix.lower() in (".yml", ".yaml", ".json"))
            for file in sorted(set(files) - read):
                raise ConfigurationError(
                    f"{self._shorten(file)}: nothing reads this file.{did_you_mean(file.name, known)} "
                    f"Names of files begin with {kinds}, or are 'globals.yml'."
                )

    def warn_of_local(self) -> None:
        """Say which files of this machine alone an environment that is named leaves out."""
        if self.default_run_env in self._folders():
            return
        root = Path(self._get_conf_env_path(self.default_run_env))
        kinds = ("parameters", "catalog")
        patterns = [pattern for kind in kinds for pattern in self.config_patterns[kind]]
        found = sorted({Path(file) for pattern in patterns for file in self._fs.glob(f"{root.as_posix()}/{pattern}")})
        if found:
            names = ", ".join(map(self._shorten, found))
            logger.warning(
                "%s: not read with `--env %s`; it holds for `kedro run` without it. State it in the recipe, or by "
                "`--params`.",
                names,
                self.env,
            )

    def files_with(self, parameter: str) -> list[str]:
        """Return the files that state a parameter, the base's first."""
        patterns = self.config_patterns["parameters"]
        read = (
            self._read_dir_configs(self._get_conf_env_path(name), patterns, "parameters", set())
            for name in self._folders()
        )
        stated = [self._shorten(file) for files in read for file, values in files.items() if parameter in values]
        return [*stated, "--params"] if parameter in (self.runtime_params or {}) else stated

    def asked_for(self) -> set[str]:
        """Return the names that files of this environment ask for by ``${runtime_params:}``."""
        folders = (Path(self._get_conf_env_path(name)) for name in self._folders())
        files = (file for folder in folders for file in sorted(folder.rglob("*")) if file.suffix in (".yml", ".yaml"))
        # Where a file is no text in UTF-8, whoever reads it whole says so.
        texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
        return {found for text in texts for found in _RUNTIME.findall(text)}

    def _read_dir_configs(self, conf_path: str, *arguments: Any) -> dict[Path, DictConfig]:  # noqa: ANN401 - Kedro's
        try:
            read: dict[Path, DictConfig] = super()._read_dir_configs(conf_path, *arguments)
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError):
            folder = Path(conf_path)
            for file in sorted({*folder.rglob("*.yml"), *folder.rglob("*.yaml"), *folder.rglob("*.json")}):
                _refuse_broken(file)
            raise
        return read

    def _check_environment(self) -> None:
        source = Path(self.conf_source)
        known = sorted(path.name for path in source.iterdir() if path.is_dir()) if source.is_dir() else []
        recipes = self._recipes()
        if len(set(recipes)) < len(recipes):
            raise ConfigurationError(f"--env {self.env} names a recipe twice, and results would lie under that name.")
        for recipe in recipes:
            if known and recipe not in known:
                raise ConfigurationError(
                    f"There is no environment '{recipe}' in {source}.{did_you_mean(recipe, known)} Known: {known}"
                )

    def _recipes(self) -> list[str]:
        return self.env.split(AND) if self.env else []

    def _folders(self) -> list[str]:
        names = [self.base_env, *(self._recipes() or [self.default_run_env])]
        return [name for name in dict.fromkeys(names) if (Path(self.conf_source) / name).is_dir()]

    def _get_conf_env_path(self, env: str) -> str:
        path: str = super()._get_conf_env_path(env.partition(AND)[0])
        return path

    def _shorten(self, file: Path) -> str:
        return file.relative_to(Path(self.conf_source).parent).as_posix()

    @staticmethod
    def _soft_merge(config: dict[str, Any], env_config: dict[str, Any], env_path: str | None = None) -> Any:  # noqa: ANN401, ARG004
        return merge(config, env_config)

    def _merge_and_resolve(self, key: str, config_per_file: dict[Path, DictConfig]) -> dict[str, Any]:
        """Merge the files of one environment, and ``--params`` over parameters in the same way as a recipe."""
        if key != "parameters" or not config_per_file or not self.runtime_params:
            merged: dict[str, Any] = super()._merge_and_resolve(key, config_per_file)
            return merged
        stated, given = OmegaConf.unsafe_merge(*config_per_file.values()), OmegaConf.create(self.runtime_params)
        return merge(*(OmegaConf.to_container(part, resolve=True) for part in (stated, given)))  # type: ignore[arg-type]


def _at_home(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, dict):
        return {name: _at_home(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_at_home(part) for part in value]
    return local_path(value).as_posix() if isinstance(value, str) and value.startswith("~") else value


def _refuse_broken(file: Path) -> None:
    """Name a file that is no YAML, and its line: Kedro counts lines from 0, and is silent about duplicate keys."""
    place = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    try:
        content = OmegaConf.load(file)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{place} is no text in UTF-8 ({error.reason}). Save it as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = f"{error.problem} {error.context or ''}".strip()
        raise ConfigurationError(f"{place}{line}: this is no valid YAML: {problem}.") from error
    if not isinstance(content, DictConfig):
        raise ConfigurationError(f"{place}: found a list; expected keys with values.")
