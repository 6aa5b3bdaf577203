"""What Schemathesis has to know of this interface: pieces of uploads are bytes, and each status is described.

Loaded by it through SCHEMATHESIS_HOOKS.
"""

from typing import Any

import schemathesis

OCTETS = "application/offset+octet-stream"
EXPLAINED = {"404", "405", "431", "503"}
"""Answers at any address, whatever is there; the document has them under `default`."""


@schemathesis.serializer(OCTETS)
def bytes_of_a_piece(_: Any, value: Any) -> dict[str, Any]:
    return {"data": value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")}


@schemathesis.check
def a_status_that_is_described(_: Any, response: Any, case: Any) -> None:
    if response.request.method != case.operation.method.upper():
        return  # a method that the operation does not have
    described = {str(status) for status in case.operation.definition.raw["responses"]}
    status = str(response.status_code)
    assert status in described | EXPLAINED, f"{status} is not described for {case.operation.label}"
