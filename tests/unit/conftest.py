from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from clowdy_tui.services.platform import Platform, PlatformConfig


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def platform(tmp_path: Path, engine: FakeEngine) -> AsyncIterator[Platform]:
    opened = await Platform.open(PlatformConfig(data_dir=tmp_path / "data"), engine=engine)
    try:
        yield opened
    finally:
        await opened.close()
