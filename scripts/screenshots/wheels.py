"""An index in a folder: the packages on the pictures are resolved and installed as anywhere, but with nothing in them."""

from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

WHEELS = {
    "certifi": ("2026.1.4", ()),
    "charset-normalizer": ("3.4.4", ()),
    "idna": ("3.11", ()),
    "jinja2": ("3.1.6", ("markupsafe>=2.0",)),
    "markupsafe": ("3.0.3", ()),
    "pillow": ("11.3.0", ()),
    "qrcode": ("8.2", ()),
    "requests": ("2.32.5", ("certifi>=2017.4.17", "charset-normalizer>=2,<4", "idna>=2.5,<4", "urllib3>=1.21.1,<3")),
    "urllib3": ("2.6.2", ()),
}
"""By name: the version, and what it needs."""


def write_index(folder: Path) -> str:
    """Make the index; returns its address."""
    for name, (version, needs) in WHEELS.items():
        place = folder / name
        place.mkdir(parents=True)
        stem = f"{name.replace('-', '_')}-{version}"
        wheel = place / f"{stem}-py3-none-any.whl"
        _write_wheel(wheel, name, version, needs)
        digest = sha256(wheel.read_bytes()).hexdigest()
        (place / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>\n', "utf-8")
    return folder.as_uri()


def _write_wheel(path: Path, name: str, version: str, needs: tuple[str, ...]) -> None:
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: clowdy\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD")))
