"""Themes: YAML files, checked, and turned into what Textual and the editor need.

Beside Textual's own variables, a theme sets `$muted` (secondary text), `$line` (borders at rest), `$selection`,
`$cursor-line`, `$on-accent` (text on an accent background) and `$syntax-<name>` for each name in `SyntaxColors`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from textual.color import Color, ColorParseError
from textual.theme import Theme

DEFAULT_THEME = "clowdy-night"
# The one in C, where PyYAML was built with it: the first frame waits for these files.
SAFE_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_FILE_BYTES = 64 * 1024


_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_MAX_TITLE: Final = 40

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScreenColors:
    """What the screen is painted with, from back to front."""

    background: str
    surface: str
    panel: str
    line: str
    foreground: str
    muted: str
    accent: str
    primary: str
    secondary: str
    success: str
    warning: str
    error: str
    selection: str
    cursor_line: str


@dataclass(frozen=True, slots=True)
class SyntaxColors:
    """What code is painted with."""

    keyword: str
    string: str
    comment: str
    number: str
    function: str
    type: str
    operator: str
    variable: str
    constant: str
    error: str


@dataclass(frozen=True, slots=True)
class ClowdyTheme:
    """One theme file."""

    name: str
    title: str
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
        variables.update({f"syntax-{name}": color for name, color in asdict(self.syntax).items()})
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
        return _theme(data)
    except ValueError as error:
        raise ThemeError(f"Theme {file.name}: {error}") from error


# By hand and not by pydantic: the first frame waits for the themes, and would wait far longer for that.
def _theme(data: Any) -> ClowdyTheme:
    values = _mapping(ClowdyTheme, data, "")
    name, title, dark = values["name"], values["title"], values["dark"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name: {name!r} is not allowed, only small letters, digits and hyphens")
    if not isinstance(title, str) or not 1 <= len(title) <= _MAX_TITLE:
        raise ValueError(f"title: {title!r} is not allowed, only a text of up to {_MAX_TITLE} characters")
    if not isinstance(dark, bool):
        raise ValueError(f"dark: {dark!r} is not allowed, only true or false")
    colors, syntax = (
        _colors(ScreenColors, values["colors"], "colors"),
        _colors(SyntaxColors, values["syntax"], "syntax"),
    )
    return ClowdyTheme(name, title, dark, colors, syntax)


def _colors(kind: type[T], data: Any, where: str) -> T:
    colors = _mapping(kind, data, f"{where}.")
    return kind(**{name: _opaque_color(text, f"{where}.{name}") for name, text in colors.items()})


def _mapping(kind: Any, data: Any, where: str) -> Mapping[str, Any]:
    """What a file has for a dataclass: all of its fields, and nothing else."""
    names = [field.name for field in fields(kind)]
    if not isinstance(data, dict):
        raise ValueError(f"{where.rstrip('.') or 'a theme'}: must be a mapping, with {', '.join(names)}")
    for name in names:
        if name not in data:
            raise ValueError(f"{where}{name}: is missing")
    for name in data:
        if name not in names:
            raise ValueError(f"{where}{name}: is not known; there are {', '.join(names)}")
    return data


def _opaque_color(text: Any, where: str) -> str:
    try:
        color = Color.parse(text if isinstance(text, str) else "")
    except ColorParseError:
        raise ValueError(f"{where}: {text!r} is not a colour; write one like '#7cc4ff'") from None
    if color.a < 1 or color.ansi is not None:
        raise ValueError(f"{where}: {text!r} is not an opaque colour; write one like '#7cc4ff'")
    return color.hex


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
