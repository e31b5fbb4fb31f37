import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from clowdy_tui.services.platform import Platform, PlatformConfig


@pytest.fixture
def folder(tmp_path: Path, empty_database: Path) -> Path:
    """A data folder with an empty database in it."""
    path = tmp_path / "data"
    path.mkdir()
    shutil.copy(empty_database, path)
    return path


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def platform(folder: Path, engine: FakeEngine) -> AsyncIterator[Platform]:
    opened = await Platform.open(PlatformConfig(data_dir=folder), engine=engine)
    try:
        yield opened
    finally:
        await opened.close()
