"""The API keeps to its own description, whatever is sent."""

from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain.packages import BuildFailed
from clowdy_tui.engine.layers import LayerStore
from clowdy_tui.services.platform import Platform


async def no_build(*_: Any, **__: Any) -> None:
    raise BuildFailed("not here")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
async def test_every_answer_is_one_that_is_described(
    platform: Platform, engine: FakeEngine, folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    from api_fuzz import fuzz

    # Some texts are names of packages, and this test is not to ask an index for them.
    monkeypatch.setattr(LayerStore, "build", no_build)
    await fuzz(platform, engine, folder, mode)
