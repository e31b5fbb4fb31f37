"""Themes: YAML files, checked, and turned into what Textual and the editor need.

Beside Textual's own variables, a theme sets `$muted` (secondary text), `$line` (borders at rest), `$selection`,
`$cursor-line`, `$on-accent` (text on an accent background) and `$syntax-<name>` for each name in `SyntaxColors`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from textual.color import Color, ColorParseError
from textual.theme import Theme

DEFAULT_THEME = "clowdy-night"
# The one in C, where PyYAML was built with it: the first frame waits for these files.
SAFE_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_FILE_BYTES = 64 * 1024


def _opaque_color(text: str) -> str:
    try:
        color = Color.parse(text)
    except ColorParseError:
        raise ValueError(f"{text!r} is not a colour; write one like '#7cc4ff'") from None
    if color.a < 1 or color.ansi is not None:
        raise ValueError(f"{text!r} is not an opaque colour; write one like '#7cc4ff'")
    return color.hex


ColorText = Annotated[str, AfterValidator(_opaque_color)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScreenColors(_Strict):
    """What the screen is painted with, from back to front."""

    background: ColorText
    surface: ColorText
    panel: ColorText
    line: ColorText
    foreground: ColorText
    muted: ColorText
    accent: ColorText
    primary: ColorText
    secondary: ColorText
    success: ColorText
    warning: ColorText
    error: ColorText
    selection: ColorText
    cursor_line: ColorText


class SyntaxColors(_Strict):
    """What code is painted with."""

    keyword: ColorText
    string: ColorText
    comment: ColorText
    number: ColorText
    function: ColorText
    type: ColorText
    operator: ColorText
    variable: ColorText
    constant: ColorText
    error: ColorText


class ClowdyTheme(_Strict):
    """One theme file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Annotated[str, Field(min_length=1, max_length=40)]
    dark: bool
    colors: ScreenColors
    syntax: SyntaxColors

    @property
    def on_accent(self) -> str:
        """The colour of text on an accent background: whichever of the two extremes reads better there."""
        extremes = (self.colors.background, self.colors.foreground)
        return max(extremes, key=lambda text: contrast_ratio(text, self.colors.accent))

    def to_textual(self) -> Theme:
        """The theme as Textual registers it."""
        colors = self.colors
        variables = {
            "muted": colors.muted,
            "line": colors.line,
            "selection": colors.selection,
            "cursor-line": colors.cursor_line,
            "on-accent": self.on_accent,
            "border": colors.accent,
            "border-blurred": colors.line,
            "block-cursor-background": colors.accent,
            "block-cursor-foreground": self.on_accent,
            "block-cursor-text-style": "bold",
            "block-cursor-blurred-background": colors.panel,
            "block-cursor-blurred-foreground": colors.foreground,
            "block-hover-background": colors.panel,
            "input-cursor-background": colors.accent,
            "input-cursor-foreground": self.on_accent,
            "input-selection-background": colors.selection,
            "screen-selection-background": colors.selection,
            "scrollbar": colors.line,
            "scrollbar-hover": colors.muted,
            "scrollbar-active": colors.accent,
            "scrollbar-background": colors.background,
            "scrollbar-background-hover": colors.background,
            "scrollbar-background-active": colors.background,
            "scrollbar-corner-color": colors.background,
            "link-color": colors.accent,
        }
        variables.update({f"syntax-{name}": color for name, color in self.syntax.model_dump().items()})
        return Theme(
            name=self.name,
            dark=self.dark,
            primary=colors.primary,
            secondary=colors.secondary,
            accent=colors.accent,
            success=colors.success,
            warning=colors.warning,
            error=colors.error,
            foreground=colors.foreground,
            background=colors.background,
            surface=colors.surface,
            panel=colors.panel,
            variables=variables,
        )


@dataclass(frozen=True, slots=True)
class LoadedThemes:
    """The themes that can be used, by name, and a sentence for each file that cannot."""

    themes: dict[str, ClowdyTheme]
    problems: list[str]


def contrast_ratio(one: str, other: str) -> float:
    """How far apart two colours are in luminance, as WCAG counts it: from 1 to 21, 4.5 for text to be legible."""

    def luminance(text: str) -> float:
        channels = (
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in Color.parse(text).normalized
        )
        return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), channels, strict=True))

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def load_themes(paths: Iterable[Path]) -> LoadedThemes:
    """Read theme files, and all `*.yaml` of folders that are there; of two with the same name the later counts."""
    themes: dict[str, ClowdyTheme] = {}
    problems: list[str] = []
    for file in _theme_files(paths):
        try:
            theme = read_theme(file)
        except ThemeError as error:
            problems.append(str(error))
        else:
            themes[theme.name] = theme
    return LoadedThemes(themes, problems)


class ThemeError(Exception):
    """A theme file that cannot be used; the message names the file and the fault."""


def read_theme(file: Path) -> ClowdyTheme:
    """Read and check one theme file.

    Raises:
        ThemeError: it cannot be read, is no YAML, or does not fit the schema.
    """
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ThemeError(f"Theme {file.name}: larger than {MAX_FILE_BYTES // 1024} KiB")
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=SAFE_LOADER)  # noqa: S506 - both are safe ones
    except OSError as error:
        raise ThemeError(f"Theme {file.name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ThemeError(f"Theme {file.name}: is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ThemeError(f"Theme {file.name}: is not YAML{where}") from error
    try:
        return ClowdyTheme.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ThemeError(f"Theme {file.name}: {where + ': ' if where else ''}{message}") from error


def _theme_files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.glob("*.yaml"))
        elif path.suffix in (".yaml", ".yml"):
            yield path


FALLBACK_VARIABLES = {
    "muted": "#9aa4b8",
    "line": "#3a4254",
    "selection": "#22354e",
    "cursor-line": "#232834",
    "on-accent": "#10131b",
    "syntax-keyword": "#c3a6ff",
    "syntax-string": "#8fdca0",
    "syntax-comment": "#8a93a6",
    "syntax-number": "#ffb27a",
    "syntax-function": "#7cc4ff",
    "syntax-type": "#62d6cf",
    "syntax-operator": "#a9b8d6",
    "syntax-variable": "#d8deec",
    "syntax-constant": "#ffb27a",
    "syntax-error": "#ff8593",
}
"""What the stylesheets need to parse when not one theme file could be read and Textual's own theme serves."""
