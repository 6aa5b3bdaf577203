"""The file: s3fs's, except that what an exception broke off is not published."""

from types import TracebackType

from s3fs import S3File


class WholeFile(S3File):  # type: ignore[misc]  # s3fs publishes no type information
    """Leaving a `with` block by an exception leaves what was there before; so does forgetting to close."""

    def commit(self) -> None:
        # Ceph 16 ignores the condition when it completes an upload, so look as late as possible.
        if "x" in self.mode and self.parts and self.fs.exists(self.path):
            self.discard()
            raise FileExistsError(self.path)
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
