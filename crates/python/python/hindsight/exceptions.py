"""Exceptions for answers that refuse. Calls without an answer raise ConnectionError or TimeoutError."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ApiException",
    "BadRequestException",
    "ForbiddenException",
    "NotFoundException",
    "ServiceException",
    "UnauthorizedException",
]


class ApiException(Exception):
    """The server has refused a request, or failed at it.

    Attributes:
        status: HTTP status.
        reason: its name.
        body: what the server sent, as text.
        headers: headers of the answer; names in lower case.
        detail: what the server says about it: a sentence, or a list of faults of the request.
    """

    def __init__(
        self,
        status: int,
        reason: str = "",
        body: str = "",
        headers: dict[str, str] | None = None,
        detail: Any = None,
    ) -> None:
        super().__init__(status, reason, body, headers, detail)
        self.status = status
        self.reason = reason
        self.body = body
        self.headers = headers or {}
        self.detail = detail

    def __str__(self) -> str:
        return f"({self.status}) {self.reason}: {_told(self.detail) or self.body[:200].strip()}"


class BadRequestException(ApiException):
    """400: the request makes no sense."""


class UnauthorizedException(ApiException):
    """401: the API key is missing or wrong."""


class ForbiddenException(ApiException):
    """403: the API key is good, but not for this."""


class NotFoundException(ApiException):
    """404: there is no such bank, or nothing of that id in it."""


class ServiceException(ApiException):
    """5xx: the server has failed, or has no room at the moment."""


_BY_STATUS = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
}


def _of_answer(status: int, headers: list[tuple[str, str]], body: bytes) -> ApiException:
    """The exception for an answer that is no success."""
    import json
    from http import HTTPStatus

    text = body.decode("utf-8", "replace")
    try:
        answer = json.loads(text)
        detail = answer.get("detail") if isinstance(answer, dict) else None
    except ValueError:
        detail = None
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    kind = _BY_STATUS.get(status, ServiceException if status >= 500 else ApiException)
    return kind(status, reason, text, dict(headers), detail)


def _told(detail: Any) -> str:
    if not isinstance(detail, list):
        return "" if detail is None else str(detail)
    faults = []
    for fault in detail:
        place = ".".join(str(part) for part in fault.get("loc", [])) if isinstance(fault, dict) else ""
        faults.append(f"{place}: {fault.get('msg', '')}" if place else str(fault))
    return "; ".join(faults)
