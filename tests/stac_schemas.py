"""Validate STAC against schemas that lie in the repository: pystac's own, and those of the extensions that are used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pystac import STACObjectType
from pystac.validation.stac_validator import JsonSchemaSTACValidator

FOLDER = Path(__file__).parent / "groundwork/prediction/schemas"


class _NoNetwork(JsonSchemaSTACValidator):
    def _get_schema(self, schema_uri: str) -> dict[str, Any]:
        assert schema_uri in self.schema_cache, f"{schema_uri} does not lie in the repository"
        return self.schema_cache[schema_uri]


def validate(found: dict[str, Any]) -> list[str]:
    """Validate an item or a collection with all of its extensions; return what it was held against."""
    validator = _NoNetwork()
    for file in FOLDER.glob("*.json"):
        schema = json.loads(file.read_text("utf-8"))
        validator.schema_cache[schema["$id"].rstrip("#")] = schema
    kind = STACObjectType.ITEM if found["type"] == "Feature" else STACObjectType.COLLECTION
    held: list[str] = validator.validate(found, kind, found["stac_version"], found.get("stac_extensions", []))
    return held
