import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.store.database import DATABASE_NAME
from clowdy_tui.store.migrate import migrate


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as the first start makes it: made once, because migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / DATABASE_NAME
    migrate(path)
    return path


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
