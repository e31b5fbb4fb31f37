"""What the tests of the screen share: the styles of the app, parsed once and not at each of its hundreds of starts."""

from collections.abc import Hashable, Iterator
from typing import Any

import pytest
import textual.app
import textual.pilot
from textual._compositor import Compositor
from textual.app import App
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.screen import Screen

from clowdy_tui.tui.styling import KeptStylesheet
from tests.tui.settling import is_real, settle


@pytest.fixture(autouse=True, scope="session")
def _parse_styles_once() -> Iterator[None]:
    # By the theme's variables: they stand in what was parsed.
    parsed: dict[Hashable, LRUCache] = {}
    plain_init, plain_set = Stylesheet.__init__, Stylesheet.set_variables

    def share(sheet: Stylesheet) -> None:
        sheet._parse_cache = parsed.setdefault(frozenset(sheet._variables.items()), LRUCache(4000))

    def begin(self: Stylesheet, *, variables: dict[str, str] | None = None) -> None:
        plain_init(self, variables=variables)
        share(self)

    def set_variables(self: Stylesheet, variables: dict[str, str]) -> None:
        # It empties the one it has.
        self._parse_cache = LRUCache(1)
        plain_set(self, variables)
        share(self)

    # And what they say of each widget: by the rules themselves, which stay what they are as long as they are kept here.
    known: dict[tuple[int, ...], Any] = {}

    def forget(self: KeptStylesheet) -> None:
        rules = list(self.rules)
        found = known.setdefault(tuple(map(id, rules)), ({rule: at for at, rule in enumerate(rules)}, {}, {}))
        self._places, self._asked, self._answers = found
        self._parts.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "__init__", begin)
        patch.setattr(Stylesheet, "set_variables", set_variables)
        patch.setattr(KeptStylesheet, "_forget", forget)
        yield


@pytest.fixture(autouse=True, scope="session")
def _settle_quickly() -> Iterator[None]:
    plain_wait = Pilot._wait_for_screen

    async def wait_for_screen(self: Pilot[Any], timeout: float = 30.0) -> bool:
        # Textual sends every widget a message, before and after each key, and waits until all have come.
        if not is_real(self.app) and await settle():
            return True
        return await plain_wait(self, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pilot, "_wait_for_screen", wait_for_screen)
        patch.setattr(textual.app, "wait_for_idle", settle)
        patch.setattr(textual.pilot, "wait_for_idle", settle)
        yield


@pytest.fixture(autouse=True, scope="session")
def _put_no_frame_together_that_nobody_sees() -> Iterator[None]:
    # Without a terminal a frame goes nowhere: the widgets draw what they have to all the same, but it is cut and put
    # together only where somebody looks, for a picture or a text. Else that were a tenth of all that these tests do.
    unseen: Compositor | None = None
    plain_refresh, plain_render = Screen._compositor_refresh, Compositor._render_chops

    def refresh(self: Screen[Any]) -> None:
        nonlocal unseen
        if self.app.is_headless and type(self.app)._display is App._display:
            unseen = self._compositor
        try:
            plain_refresh(self)
        finally:
            unseen = None

    def render(self: Compositor, *told: Any) -> Any:
        if self is not unseen:
            return plain_render(self, *told)
        for _ in self._get_renders(told[0]):
            pass
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "_compositor_refresh", refresh)
        patch.setattr(Compositor, "_render_chops", render)
        yield
