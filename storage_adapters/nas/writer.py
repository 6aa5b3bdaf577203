"""The writer: a file that appears under its name only when it is closed."""

import io
import os
import secrets
from types import TracebackType

_BUFFER_BYTES = 1024 * 1024


class WholeFileWriter(io.BufferedWriter):
    """Collects bytes under a temporary name in the directory `staging`; `close` publishes them, leaving by an exception does not.

    With `autocommit` off, `close` only finishes the temporary file, and `commit` or `discard` follow.
    """

    def __init__(self, place: str, *, staging: str, exclusive: bool, autocommit: bool) -> None:
        self._place = place
        self._temporary = os.path.join(staging, f".{secrets.token_hex(8)}.part")
        self._exclusive = exclusive
        self._autocommit = autocommit
        super().__init__(io.FileIO(self._temporary, "xb"), _BUFFER_BYTES)

    def close(self) -> None:
        if self.closed:
            return
        try:
            super().close()
        except BaseException:
            self.discard()
            raise
        if self._autocommit:
            self.commit()

    def commit(self) -> None:
        """Give the file its name. Raises: FileExistsError: it was opened for exclusive writing and came second."""
        if not self._exclusive:
            os.rename(self._temporary, self._place)
            return
        try:
            os.link(self._temporary, self._place)
        finally:
            os.unlink(self._temporary)

    def discard(self) -> None:
        """Forget what was written."""
        self._autocommit = False
        if not self.raw.closed:
            self.raw.close()
        try:
            os.unlink(self._temporary)
        except FileNotFoundError:
            return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # Nobody closed it, so nobody said that it is complete.
        if not self.closed:
            self.discard()
