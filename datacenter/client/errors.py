"""The errors of the client's calls, grouped by what the caller does next."""


class ClientError(Exception):
    """The root of all errors of the client."""


class ServerUnreachable(ClientError):
    """No answer in spite of all repeats; what the server did is not known."""


class TransferFailed(ClientError):
    """An upload or a download failed; what has arrived stays, so it can be resumed."""


class OtherFile(ClientError):
    """The upload was begun with another file; nothing was sent."""


class Problem(ClientError):
    """The server rejected the request: `code` is stable, `detail` says why, `fields` names what is wrong in it.

    `storage` names the storage that failed, if one did; `Storages.check` shows the reason.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str = "",
        detail: str = "",
        fields: tuple[tuple[str, str], ...] = (),
        storage: str = "",
    ) -> None:
        reasons = "; ".join(f"{name}: {reason.removeprefix(f'{name}: ')}" for name, reason in fields)
        super().__init__(reasons or detail or title or code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.fields = fields
        self.storage = storage
