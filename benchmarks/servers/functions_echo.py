"""What functions-framework serves, in a venv of its own: the same echo as everywhere."""

from typing import Any


def echo(request: Any) -> Any:
    """An HTTP function, the framework's default kind: it is given Flask's request."""
    return request.get_json()
