"""How the desk was laid out: open files with their cursors, open panes, which one was in front, what was zoomed."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file and where one was in it: the selection's ends and the first row shown, all from 0."""

    function_id: str
    path: str
    anchor: tuple[int, int] = (0, 0)
    cursor: tuple[int, int] = (0, 0)
    top: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What tells the file from others."""
        return self.function_id, self.path


@dataclass(frozen=True, slots=True)
class Layout:
    """The desk. `panes` are those in the centre, each by its kind and its project's id, which is empty for that of all.

    `active` is the key of the file or pane in front; `classes` are those of the workbench that panes have set.
    """

    files: tuple[OpenFile, ...] = ()
    panes: tuple[tuple[str, str], ...] = ()
    active: tuple[str, str] | None = None
    region: str = "tree"
    dock: str = "test"
    classes: tuple[str, ...] = ()
    folds: tuple[tuple[tuple[str | None, ...], bool], ...] = field(default=())


def read(path: Path) -> Layout:
    """What was kept; a layout with nothing open where nothing was.

    Raises:
        ValueError: the file holds something else.
        OSError: it cannot be read.
    """
    try:
        kept: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Layout()
    try:
        if kept["format"] != FORMAT:
            return Layout()
        return Layout(
            files=tuple(
                OpenFile(
                    str(file["function_id"]),
                    str(file["path"]),
                    _location(file["anchor"]),
                    _location(file["cursor"]),
                    int(file["top"]),
                )
                for file in kept["files"]
            ),
            panes=tuple((str(kind), str(project_id)) for kind, project_id in kept.get("panes", ())),
            active=tuple(kept["active"]) if kept["active"] else None,
            region=str(kept["region"]),
            dock=str(kept["dock"]),
            classes=tuple(map(str, kept["classes"])),
            folds=tuple((tuple(place), bool(opened)) for place, opened in kept["folds"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"is not a layout: {error!r}") from error


def write(path: Path, layout: Layout) -> None:
    """Keep a layout in the place of the one before."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    half.write_text(json.dumps({"format": FORMAT, **asdict(layout)}), encoding="utf-8")
    half.replace(path)


def _location(value: Any) -> tuple[int, int]:
    row, column = value
    return int(row), int(column)
