from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch, ProjectIn, TokenOut, VariableIn


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (ProjectIn, {"name": "x", "nmae": "y"}),
        (ProjectIn, {"name": " "}),
        (ProjectIn, {"name": "a\nb"}),
        (ProjectIn, {"name": 5}),
        (ProjectIn, []),
        (FunctionIn, {"name": "x", "code": "", "memory_mb": 31}),
        (FunctionIn, {"name": "x", "code": "", "timeout_s": 901}),
        (FunctionIn, {"name": "x", "code": "\ud800"}),
        (FunctionIn, {"name": "x", "code": "", "files": {"a\udfff.py": ""}}),
        (FunctionPatch, {"status": "paused"}),
        (VariableIn, {"key": "A", "value": "\ud83d"}),
    ],
)
def test_bodies_that_are_refused(schema: type[ProjectIn], body: object) -> None:
    with pytest.raises(ValidationError):
        schema.model_validate(body)


def test_whole_surrogate_pairs_are_text() -> None:
    assert VariableIn.model_validate_json('{"key": "A", "value": "\\ud83c\\udf89"}').value == "🎉"


def test_times_end_in_z() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC)
    token = TokenOut(id="x", name="n", user="u", scopes=[], created_at=moment, expires_at=None, last_used_at=None)
    assert token.model_dump(mode="json")["created_at"] == "2026-01-02T03:04:05.678Z"
