"""What a model wrote as a tool's arguments, checked. What is wrong goes back to it as data."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

_MAX_SHOWN = 200


class Arguments(BaseModel):
    """A tool's arguments. What it does not know is left aside: models like to add things."""

    model_config = ConfigDict(extra="ignore")


class BadArguments(Exception):
    """They cannot be used; the text says why, for the model."""


Wanted = TypeVar("Wanted", bound=Arguments)


def read_arguments(schema: type[Wanted], text: str) -> Wanted:
    """Raises BadArguments: no JSON, no object, something missing or of the wrong type; each field is named."""
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise BadArguments(f"The arguments are no JSON: {error}. They were: {text[:_MAX_SHOWN]}") from error
    # Some write null where there is nothing to say.
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise BadArguments(f"The arguments must be a JSON object, and are {type(value).__name__}")
    try:
        json.dumps(value, ensure_ascii=False).encode()
        return schema.model_validate(value)
    except UnicodeEncodeError as error:
        raise BadArguments("The arguments hold half a surrogate pair, which is no text") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}"
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise BadArguments(f"The arguments are wrong: {faults}") from error


def shown_arguments(text: str) -> dict[str, Any]:
    """Arguments to be shown, whatever they are."""
    try:
        value = json.loads(text) if text.strip() else {}
        # Half a surrogate pair can be spelt in JSON, and neither be sent nor be shown.
        value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return {"": text[:_MAX_SHOWN]}
    return value if isinstance(value, dict) else {} if value is None else {"": value}


def schema_of(schema: type[Arguments]) -> dict[str, Any]:
    """As the model is told them: JSON Schema without the titles."""
    found = schema.model_json_schema()
    return {
        "type": "object",
        "properties": {name: _plain(field) for name, field in found.get("properties", {}).items()},
        "required": found.get("required", []),
    }


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """One type where there is one: small models stumble over `anyOf`."""
    choices = [each for each in field.get("anyOf", []) if each != {"type": "null"}]
    merged = {name: value for name, value in field.items() if name not in {"anyOf", "title", "default"}}
    return merged | choices[0] if len(choices) == 1 else merged
