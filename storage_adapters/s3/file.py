"""The file: s3fs's, except that what an exception broke off is not published."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from botocore.exceptions import ClientError
from s3fs import S3File


@contextmanager
def exclusively(path: str) -> Iterator[None]:
    """Raise FileExistsError where s3fs knows only that a condition failed: RGW does not say which."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EINVAL and _condition_failed(error.__cause__):
            raise FileExistsError(path) from error
        raise


def _condition_failed(cause: BaseException | None) -> bool:
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] in ("PreconditionFailed", "412")


class WholeFile(S3File):  # type: ignore[misc]  # s3fs publishes no type information
    """Leaving a `with` block by an exception leaves what was there before; so does forgetting to close."""

    closed: bool

    def commit(self) -> None:
        # Ceph 16 ignores the condition when it completes an upload, so look as late as possible.
        if "x" in self.mode and self.parts and self.fs.exists(self.path):
            self.discard()
            raise FileExistsError(self.path)
        with exclusively(self.path):
            super().commit()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.writable():
            self._forget()
        self.close()

    def __del__(self) -> None:
        # Nobody closed it, so nobody said that it is complete.
        if not getattr(self, "closed", True) and self.writable():
            self._forget()

    def _forget(self) -> None:
        """Drop what was written, sent parts too."""
        if not self.closed:
            self.discard()
            self.closed = True
