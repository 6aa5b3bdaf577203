"""Uploads: through the server, or straight to its storage where this is possible and faster."""

from pathlib import Path

from datacenter.client.calls import Calls
from datacenter.client.errors import Problem
from datacenter.client.local_file import OnBytes
from datacenter.client.multipart import Multipart
from datacenter.client.tus import Tus

MULTIPART_FROM_BYTES = 32 << 20
"""A smaller file needs one or two requests of tus; in parts it would need five."""
NOT_FOUND = 404


class Uploads:
    """Uploads of files; each is resumed by the protocol that it was begun with."""

    def __init__(self, calls: Calls) -> None:
        self._tus = Tus(calls)
        self._multipart = Multipart(calls)

    def send(self, path: Path, *, storage: str | None = None, on_progress: OnBytes | None = None) -> str:
        """Upload a file; the upload's id, for `Datasets.create`. See `begin`."""
        upload_id = self.begin(path, storage=storage)
        self.resume(upload_id, path, on_progress=on_progress)
        return upload_id

    def begin(self, path: Path, *, storage: str | None = None) -> str:
        """Announce a file; nothing of it is sent yet. It goes to the named storage, or to the default one."""
        large = path.stat().st_size >= MULTIPART_FROM_BYTES
        return (self._multipart.begin(path, storage) if large else None) or self._tus.begin(path, storage)

    def resume(self, upload_id: str, path: Path, *, on_progress: OnBytes | None = None) -> None:
        """Send what has not arrived yet; after a broken connection continue from what has.

        Raises:
            Problem: the server refused this upload, or it has expired.
            OtherFile: the upload was begun with a file of another size.
            TransferFailed: the file changed meanwhile, or no byte arrived in spite of all repeats.
        """
        self._protocol_of(upload_id).resume(upload_id, path, on_progress=on_progress)

    def offset(self, upload_id: str) -> int:
        """How many bytes have arrived."""
        return self._protocol_of(upload_id).offset(upload_id)

    def remove(self, upload_id: str) -> None:
        """Cancel an upload."""
        self._protocol_of(upload_id).remove(upload_id)

    def _protocol_of(self, upload_id: str) -> Tus | Multipart:
        """The protocol that an upload was begun with; only the server knows it."""
        try:
            self._tus.offset(upload_id)
        except Problem as problem:
            if problem.status == NOT_FOUND:
                return self._multipart
            raise
        return self._tus
