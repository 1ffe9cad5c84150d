"""``parameters_tracking.yml``: where runs are recorded beside the files that they leave."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from groundwork.strict import Config


class TrackingConfig(Config):
    """Where parameters, scores, figures and the bundle of a run are recorded once it is done; a name alone will do."""

    #: mlflow, in a database of SQLite beside the results or on a server, or dvclive, as files. null: nowhere.
    name: Literal["mlflow", "dvclive"] | None = None
    #: Name that runs are sorted under.
    experiment: str = Field(default="groundwork", min_length=1)
    #: Address of a tracking server of MLflow. null: the database.
    server: str | None = Field(default=None, pattern="^https?://")

    @model_validator(mode="before")
    @classmethod
    def _accept_bare_name(cls, given: object) -> object:
        return {"name": given} if given is None or isinstance(given, str) else given

    @model_validator(mode="after")
    def _refuse_server_of_files(self) -> TrackingConfig:
        if self.server is not None and self.name != "mlflow":
            raise ValueError(f"'server' is for mlflow, and 'name' is {self.name}. Leave it out, or set 'name: mlflow'")
        return self
