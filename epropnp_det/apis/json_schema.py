"""Parts of which the schemas of predictions are made."""

from __future__ import annotations

from collections.abc import Sequence

NUMBER = {"type": "number"}


def array_of(length: int, items: dict) -> dict:
    """An array of so many items."""
    return {"type": "array", "minItems": length, "maxItems": length, "items": items}


def object_of(properties: dict, optional: Sequence[str] = ()) -> dict:
    """An object of these properties and no others, all of which are there but the optional ones."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def or_null(schema: dict, description: str) -> dict:
    """What a schema describes, or null."""
    return {"anyOf": [schema, {"type": "null"}], "description": description}
