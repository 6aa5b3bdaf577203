"""What a call of the client can end in, grouped by what the caller does next."""


class ClientError(Exception):
    """The root: anything that kept a call from its answer."""


class ServerUnreachable(ClientError):
    """No answer came, however often it was tried; nothing is known about what the server did."""


class TransferFailed(ClientError):
    """An upload or a download could not be brought to its end; what arrived is kept and can be resumed."""


class OtherFile(ClientError):
    """A broken upload was begun with another file; nothing was sent."""


class Problem(ClientError):
    """The server refused: `code` is stable, `detail` says why, `fields` names what is wrong in the request.

    `storage` is the storage that could not do it, where one could not; `Storages.check` tells why.
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
