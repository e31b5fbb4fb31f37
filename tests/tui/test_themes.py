"""Themes: the shipped ones are legible, broken ones are named."""

from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest
from textual.theme import Theme

from clowdy_tui.tui.themes import (
    DEFAULT_THEME,
    FALLBACK_VARIABLES,
    ClowdyTheme,
    ThemeError,
    contrast_ratio,
    load_themes,
    read_theme,
)

FOLDER = Path(__file__).parents[2] / "themes"
SHIPPED = load_themes([FOLDER])
GOOD = (FOLDER / f"{DEFAULT_THEME}.yaml").read_text()


def test_the_shipped_themes_load_and_the_default_is_one_of_them() -> None:
    assert SHIPPED.problems == []
    assert len(SHIPPED.themes) >= 3
    assert DEFAULT_THEME in SHIPPED.themes
    assert {theme.dark for theme in SHIPPED.themes.values()} == {True, False}


@pytest.mark.parametrize("theme", SHIPPED.themes.values(), ids=lambda theme: theme.name)
def test_text_has_the_contrast_that_wcag_aa_asks_for(theme: ClowdyTheme) -> None:
    colors, syntax = theme.colors, theme.syntax
    texts = [colors.foreground, colors.muted, colors.accent, colors.secondary]
    texts += [colors.success, colors.warning, colors.error]
    # Rows under a cursor keep the colours of their cells, on the selection's.
    behind = [colors.background, colors.surface, colors.panel, colors.cursor_line, colors.selection]
    pairs = list(product(texts, behind))
    code = asdict(syntax).values()
    pairs += list(product(code, [colors.background, colors.surface, colors.cursor_line]))
    pairs += [(theme.on_accent, colors.accent), (colors.background, colors.error)]
    faint = {(text, back): ratio for text, back in pairs if (ratio := contrast_ratio(text, back)) < 4.5}
    assert faint == {}


def test_every_variable_of_a_theme_has_a_fallback() -> None:
    ours = SHIPPED.themes[DEFAULT_THEME].to_textual().variables
    assert set(FALLBACK_VARIABLES) == {
        name for name in ours if name not in Theme("textual", "#000").to_color_system().generate()
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD.replace('"#7cc4ff"', '"sky-ish"', 1), "colors.accent: 'sky-ish' is not a colour"),
        (GOOD.replace("  muted:", "  mutd:"), "colors.muted: is missing"),
        (GOOD + "extra: 1\n", "extra: is not known"),
        (GOOD.replace("dark: true", "dark: [\n"), "is not YAML, line"),
        ("", "must be a mapping"),
        (GOOD.replace("name: clowdy-night", "name: Night!"), "name: 'Night!' is not allowed"),
        (GOOD.replace("dark: true", "dark: 1"), "dark: 1 is not allowed"),
        (GOOD.replace('"#7cc4ff"', '"#7cc4ff80"', 1), "is not an opaque colour"),
    ],
    ids=["colour", "missing", "unknown", "syntax", "empty", "name", "dark", "opaque"],
)
def test_a_broken_theme_is_named_with_its_fault(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ThemeError) as caught:
        read_theme(file)
    assert "mine.yaml" in str(caught.value)
    assert named in str(caught.value)


def test_a_broken_theme_does_not_take_the_others_along(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "mine.yaml").write_text(GOOD.replace("name: clowdy-night", "name: mine"))
    loaded = load_themes([FOLDER, tmp_path, tmp_path / "gone.yaml"])
    assert "mine" in loaded.themes
    assert DEFAULT_THEME in loaded.themes
    assert [problem.split(":")[0] for problem in loaded.problems] == ["Theme bad.yaml", "Theme gone.yaml"]
