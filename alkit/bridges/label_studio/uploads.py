"""Contents of samples as files on a Label Studio server, each uploaded once."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator, Sequence

from alkit.bridges.label_studio.interface import Names
from alkit.bridges.label_studio.replies import part, rows
from alkit.bridges.label_studio.server import Server
from alkit.bridges.label_studio.tasks import ID, Batch, as_text
from alkit.errors import BridgeError, ConfigurationError

FILES, BYTES = 50, 32 * 2**20  # uploads per request; Django takes 100 files
SUFFIXES = {"audio/wav": ".wav", "audio/ogg": ".ogg"}  # not those of mimetypes


def task_data(
    server: Server, path: str, batch: Batch, names: Names, new: Sequence[str]
) -> Iterator[dict[str, str]]:
    """Data of a task per new sample, uploaded where ``show`` gives contents."""
    uploaded = _uploaded(server, path) if new and batch.kind != "text" else {}
    waiting: list[tuple[str, str, bytes, str]] = []  # sample, file, content, media type
    size = 0
    for name in new:
        shown = batch.show(name)
        if isinstance(shown, str) or batch.kind == "text":
            text = shown if isinstance(shown, str) else as_text(shown[0])
            yield {names.key: text, ID: name}
            continue
        content, media_type = shown
        waiting.append((name, _file_name(name, content, media_type), content, media_type))
        size += len(content)
        if len(waiting) == FILES or size >= BYTES:
            yield from _upload(server, path, names, waiting, uploaded)
            waiting, size = [], 0
    yield from _upload(server, path, names, waiting, uploaded)


def _upload(
    server: Server,
    path: str,
    names: Names,
    waiting: Sequence[tuple[str, str, bytes, str]],
    uploaded: dict[str, str],
) -> Iterator[dict[str, str]]:
    """Upload the files that an interrupted push did not, and give the data of their tasks."""
    files = [(file, content, kind) for _, file, content, kind in waiting if file not in uploaded]
    if files:
        found = server.upload(f"{path}/import?commit_to_project=false", files)
        ids = str(part(found, "file_upload_ids")).replace(" ", "")
        uploaded.update(_uploaded(server, path, ids=ids))
    for name, file, _, _ in waiting:
        if file not in uploaded:
            raise BridgeError(f"{server.url} did not keep the file of {name!r}: see its log.")
        yield {names.key: f"/data/{uploaded[file]}", ID: name}


def _uploaded(server: Server, path: str, **which: str) -> dict[str, str]:
    """Path on the server of each uploaded file, by the name that it was given."""
    found = server.get(f"{path}/file-uploads", **(which or {"all": "true"}))
    return {each["file"].rpartition("-")[2]: each["file"] for each in rows(found)}


def _file_name(name: str, content: bytes, media_type: str) -> str:
    """Name of an upload, by which an interrupted push finds it again."""
    suffix = SUFFIXES.get(media_type) or mimetypes.guess_extension(media_type)
    if suffix is None or not content:
        raise ConfigurationError(
            f"show({name!r}) gave {len(content)} bytes of the media type {media_type!r}, which "
            "Label Studio cannot show."
        )
    digest = hashlib.blake2b(name.encode() + b"\0" + content, digest_size=16)
    return digest.hexdigest() + suffix
