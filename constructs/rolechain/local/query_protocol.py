"""AWS's query protocol, which STS speaks: form-encoded parameters in, XML out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from rolechain.local.errors import ServiceError

Response = tuple[int, dict[str, str], bytes]
"""Status, headers and body, as ministack's handlers return them."""

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def parameters(headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]) -> dict[str, str]:
    """The parameters of a request, the first value of each.

    Raises:
        ServiceError: the request is in another protocol.
    """
    if "json" in headers.get("content-type", ""):
        raise ServiceError("InvalidAction", "STS speaks the query protocol here: send a form, not JSON")
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in {**query, **form}.items()}


def answer(action: str, result: Mapping[str, object]) -> Response:
    """The response to a call that went well; nested mappings become nested elements."""
    inner = f"<{action}Result>{_elements(result)}</{action}Result>"
    metadata = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
    body = f'<{action}Response xmlns="{_NAMESPACE}">{inner}{metadata}</{action}Response>'
    return 200, {"Content-Type": "text/xml"}, body.encode()


def error(failure: ServiceError) -> Response:
    """The response to a call that is refused."""
    body = (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{failure.code}</Code>'
        f"<Message>{escape(str(failure))}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return failure.status, {"Content-Type": "text/xml"}, body.encode()


def _elements(values: Mapping[str, object]) -> str:
    return "".join(
        f"<{name}>{_elements(value) if isinstance(value, Mapping) else escape(str(value))}</{name}>"
        for name, value in values.items()
        if value is not None
    )
