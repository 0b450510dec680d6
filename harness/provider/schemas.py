"""An instance of any JSON schema: what the simulated model answers when a schema is asked for."""

from collections.abc import Mapping
from typing import Any

from harness.provider.intents import label_among

CONFIDENCE = 0.9
NULL_DEPTH = 4
"""Below this many levels what may be null is null, so that a schema that refers to itself comes to an end."""
DEPTH_MAX = 12

_SCORES = frozenset({"confidence", "score", "probability", "certainty"})
_FORMATS = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class Filler:
    """Fills a schema for one message: labels by the message, texts from `reply`, the rest by type.

    Of an object's properties the required ones are filled, all of them where none is. `pattern` is not looked at.
    """

    def __init__(self, schema: Mapping[str, Any], *, message: str, reply: str) -> None:
        self._schema = schema
        self._message = message
        self._reply = reply

    def fill(self) -> Any:
        """The instance."""
        return self._value(self._schema, name="", depth=0)

    def _value(self, schema: object, *, name: str, depth: int) -> Any:
        """One value, for the property `name`."""
        if not isinstance(schema, dict) or depth > DEPTH_MAX:
            return None
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            labels = [choice for choice in choices if isinstance(choice, str)]
            return label_among(labels, self._message) if labels else choices[0]
        kind = _kind(schema)
        if kind == "object":
            properties, required = schema.get("properties"), schema.get("required")
            listed = properties if isinstance(properties, dict) else {}
            wanted = required if isinstance(required, list) and required else listed
            return {key: self._value(listed.get(key, {}), name=key, depth=depth + 1) for key in wanted}
        if kind == "array":
            count = _number(schema.get("minItems"), 0)
            return [
                self._value(schema.get("items", {}), name=name, depth=depth + 1) for _ in range(int(count))
            ]
        return self._scalar(kind, schema, name)

    def _resolved(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """The schema that a reference or a choice of schemas leads to: the first one, and null only far down."""
        for _ in range(DEPTH_MAX):
            reference = schema.get("$ref")
            branches = next((schema[key] for key in ("anyOf", "oneOf", "allOf") if schema.get(key)), None)
            if isinstance(reference, str):
                schema = self._referred(reference)
            elif isinstance(branches, list):
                nothing = [one for one in branches if isinstance(one, dict) and one.get("type") == "null"]
                real = [one for one in branches if isinstance(one, dict) and one not in nothing]
                schema = nothing[0] if nothing and (depth > NULL_DEPTH or not real) else (*real, {})[0]
            else:
                break
        return schema

    def _referred(self, reference: str) -> dict[str, Any]:
        """What a local reference such as `#/$defs/Name` points to; an empty schema where it points nowhere."""
        found: Any = self._schema
        for part in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(part) if isinstance(found, dict) and part else found
        return found if isinstance(found, dict) else {}

    def _scalar(self, kind: str, schema: dict[str, Any], name: str) -> Any:
        """A value that holds no others."""
        if kind == "boolean":
            return True
        if kind in ("number", "integer"):
            wanted = CONFIDENCE if name.lower() in _SCORES else 1
            least = _number(schema.get("minimum"), wanted)
            value = min(max(wanted, least), _number(schema.get("maximum"), max(wanted, least)))
            return round(value) if kind == "integer" else value
        if kind == "string":
            text = _FORMATS.get(str(schema.get("format")), self._reply)
            most, least = schema.get("maxLength"), int(_number(schema.get("minLength"), 0))
            return text.ljust(least, ".")[: most if isinstance(most, int) else None]
        return None


def _kind(schema: Mapping[str, Any]) -> str:
    """The type that a schema asks for, null only where nothing else is allowed."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        kinds = next((kind for kind in kinds if kind != "null"), "null")
    if isinstance(kinds, str):
        return kinds
    return "object" if "properties" in schema else "string"


def _number(value: object, otherwise: float) -> float:
    """A bound of the schema, or `otherwise` where it has none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
