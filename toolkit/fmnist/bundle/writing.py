"""Write a bundle, as a folder or an archive: complete or not at all."""

from __future__ import annotations

import gzip
import os
import shlex
import shutil
import tarfile
import zlib
from pathlib import Path

from fmnist.bundle.contents import DESCRIPTION, DESCRIPTION_MARK, SUMS, Bundle
from fmnist.text.tables import size, table
from fmnist_runtime.artifact.container import MANIFEST
from fmnist_runtime.errors import OutputError
from fmnist_runtime.files import FORCE_OR_OUT, FileKind, require_writable

ARCHIVE_ENDS = (".tar.gz", ".tgz")
_COMPRESSION = 6
_FIRST = 8
"""Number of first members of our archives that include the description; they are sorted by name."""
_ENVIRONMENT = ".venv"
_HOST = "pi@raspberrypi.local"


def is_archive(out: Path) -> bool:
    """Return whether a bundle of that name is one file."""
    return out.name.endswith(ARCHIVE_ENDS)


def require_free(out: Path, force: bool) -> None:
    """Check, before long work, that a bundle may be written to a path.

    Raises:
        OutputError: Something else is there, or the bundle cannot be written there.
    """
    require_writable(out)
    if out.is_dir():
        if is_archive(out) or not _is_our_folder(out):  # even with --force, as it may be a home folder
            raise OutputError(f"{out}: is a folder, but not a bundle of fmnist; --out goes elsewhere")
        added = _added(out)
        if added and not force:
            raise OutputError(
                f"{out}: holds files that were added, such as {added[0]}; --force replaces it, "
                "--out goes elsewhere"
            )
    elif out.exists() and not out.is_file():
        raise OutputError(f"{out}: is a pipe or device; --out goes elsewhere")
    else:
        require_writable(out, _ARCHIVE, force)


def write_bundle(bundle: Bundle, out: Path, force: bool = False) -> None:
    """Write a bundle so that an interruption leaves the old one or the new one.

    A path that ends in ``.tar.gz`` or ``.tgz`` becomes an archive of the bundle's folder, any other that
    folder itself. ``force`` replaces also another file, or a bundle to which files were added.

    Raises:
        OutputError: Something else is there, or the bundle cannot be written.
    """
    require_free(out, force)
    place = out.resolve()  # a link stays a link
    temporary = place.with_name(f".{place.name[:200]}.{os.urandom(4).hex()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if is_archive(out):
            _write_archive(bundle, temporary)
        else:
            _write_folder(bundle, temporary)
        _put(temporary, place)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        _remove(temporary)


def _write_archive(bundle: Bundle, path: Path) -> None:
    """Write a tar of the files, without times, owners or modes of this machine."""
    with (
        path.open("xb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for item in bundle.files:
            member = tarfile.TarInfo(f"{bundle.name}/{item.name}")
            member.size = item.size
            member.mode = 0o755 if item.executable else 0o644
            with item.open() as content:
                archive.addfile(member, content)
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _write_folder(bundle: Bundle, folder: Path) -> None:
    folder.mkdir()
    for item in bundle.files:
        path = folder / item.name
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777 if item.executable else 0o666)
        with os.fdopen(descriptor, "wb") as file, item.open() as content:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())


def _put(temporary: Path, place: Path) -> None:
    """Rename a written bundle to its final name. An existing folder is moved away first."""
    if not place.is_dir() and not temporary.is_dir():
        temporary.replace(place)
        return
    aside = temporary.with_name(f"{temporary.name}.old")
    try:
        if place.exists():
            place.rename(aside)
        temporary.rename(place)
    finally:  # also after an interruption between the two
        if place.exists():
            _remove(aside)
        elif aside.exists():
            aside.rename(place)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_our_archive(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:gz") as archive:
            for _ in range(_FIRST):
                member = archive.next()
                if member is not None and member.name.endswith(f"/{DESCRIPTION}"):
                    content = archive.extractfile(member)
                    return content is not None and DESCRIPTION_MARK in content.read()
    except (OSError, tarfile.TarError, EOFError, zlib.error):
        pass
    return False


_ARCHIVE = FileKind(_is_our_archive, "exists and is not a bundle of fmnist", FORCE_OR_OUT)


def _is_our_folder(path: Path) -> bool:
    """Return whether a folder is a bundle, or empty."""
    try:
        return not any(path.iterdir()) or DESCRIPTION_MARK in (path / DESCRIPTION).read_bytes()
    except OSError:
        return False


def _added(folder: Path) -> list[str]:
    """Return the files in a bundle's folder that are not part of it or of its environment."""
    try:
        listed = {line[66:] for line in (folder / SUMS).read_text(encoding="utf-8").splitlines()}
    except (OSError, UnicodeDecodeError):
        listed = set()
    files = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return sorted(
        path.as_posix()
        for path in files
        if path.parts[0] != _ENVIRONMENT and path.as_posix() not in {SUMS, *listed}
    )


def bundle_text(bundle: Bundle, place: Path) -> str:
    """Return a table of a bundle's files, and the commands that install it on a device."""
    parts: dict[str, list[int]] = {}
    for file in bundle.files:
        parts.setdefault(_part(file.name), []).append(file.size)
    rows = [[part, str(len(sizes)), size(sum(sizes))] for part, sizes in sorted(parts.items())]
    rows.append(["total", str(len(bundle.files)), size(sum(file.size for file in bundle.files))])
    written = f"{place}: {size(place.stat().st_size)}" if is_archive(place) else str(place)
    return "\n".join(
        [
            table(["what", "files", "size"], rows),
            f"{written}, version {bundle.version}; on the device, or from here:",
            *_install_commands(bundle, place),
        ]
    )


def _part(name: str) -> str:
    """Return the part of a bundle that a file belongs to."""
    match name.split("/"):
        case ["wheels", wheel]:
            return "fmnist" if wheel.startswith("fmnist-") else "packages"
        case ["runs", _, "export", file]:
            return "run" if file == MANIFEST else f"artifacts, {file.rpartition('.')[2]}"
        case ["runs", *_]:
            return "run"
        case ["data", dataset, _]:
            return f"test images of {dataset}"
    return "install.sh and what it reads"


def _install_commands(bundle: Bundle, place: Path) -> list[str]:
    """Return the commands that bring a bundle to a device and install it there."""

    def there(*words: str) -> str:
        return f"ssh {_HOST} {shlex.quote(shlex.join(words))}"

    path = shlex.quote(_as_file(str(place)))
    if not is_archive(place):
        return [f"scp -r {path} {_HOST}:", there("sh", _as_file(f"{place.resolve().name}/install.sh"))]
    return [
        f"scp {path} {_HOST}:",
        there("tar", "xzf", _as_file(place.name)),
        there("sh", _as_file(f"{bundle.name}/install.sh")),
    ]


def _as_file(path: str) -> str:
    """Return a path that no program takes for an option, and neither scp nor tar for a remote one."""
    return f"./{path}" if path.startswith("-") or ":" in path.partition("/")[0] else path
