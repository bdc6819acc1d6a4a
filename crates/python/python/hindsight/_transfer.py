"""Methods that move documents and banks between servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._calls import Call, Steps, Wait, pair
from ._memory import File, _file, bank
from ._transport import Transport, content
from .models import BankTransferSubmitResponse, DocumentExportSubmitResponse, OperationStatusResponse

def _exported(bank_id: str, operation_id: str, poll_interval: float, timeout: float) -> Steps[bytes]:
    """Looks at an export every `poll_interval` seconds, for `timeout` seconds, and fetches what it has made."""
    waited = 0.0
    while True:
        path = bank(bank_id, "operations", operation_id)
        operation: OperationStatusResponse = yield Call(OperationStatusResponse._read, "GET", *path)
        if operation.status == "completed":
            break
        if operation.status in ("failed", "cancelled", "not_found"):
            reason = operation.error_message or f"the operation is {operation.status}"
            raise RuntimeError(f"the export {operation_id} has come to nothing: {reason}")
        if waited >= timeout:
            raise TimeoutError(f"the export {operation_id} is not done after {timeout:g} s; it goes on")
        yield Wait(poll_interval)
        waited += poll_interval
    url = (operation.result_metadata or {}).get("download_url", "")
    if not url.startswith("/"):
        raise RuntimeError(f"the export {operation_id} lies on another server: {url or 'nobody says where'}")
    from urllib.parse import unquote

    archive: bytes = yield Call(content, "GET", *(unquote(part) for part in url.strip("/").split("/")))
    return archive


class TransferMethods(Transport):
    """Methods that move documents and banks."""

    def _export_documents(
        self,
        bank_id: str,
        document_ids: Sequence[str] | None = None,
        include_observations: bool | None = None,
        include_knowledge_base: bool | None = None,
        *,
        poll_interval: float = 2.0,
        timeout: float = 300.0,
    ) -> Steps[bytes]:
        """Brings documents with their memories as an archive; all of them if no ids are given. Looks every
        `poll_interval` seconds at the operation that makes it, for `timeout` seconds."""
        query = {
            "document_id": document_ids,
            "include_observations": include_observations,
            "include_knowledge_base": include_knowledge_base,
        }
        path = bank(bank_id, "document-transfer", "export")
        submitted: Any = yield Call(DocumentExportSubmitResponse._read, "POST", *path, query=query)
        return (yield from _exported(bank_id, submitted.operation_id, poll_interval, timeout))

    export_documents, aexport_documents = pair(_export_documents)

    def _export_bank(
        self,
        bank_id: str,
        *,
        include_data: bool | None = None,
        include_bank_config: bool | None = None,
        include_history: bool | None = None,
        document_ids: Sequence[str] | None = None,
        poll_interval: float = 2.0,
        timeout: float = 300.0,
    ) -> Steps[bytes]:
        """Brings a bank as an archive. Looks every `poll_interval` seconds at the operation that makes it, for
        `timeout` seconds."""
        query = {
            "include_data": include_data,
            "include_bank_config": include_bank_config,
            "include_history": include_history,
            "document_id": document_ids,
        }
        path = bank(bank_id, "transfer", "export")
        submitted: Any = yield Call(BankTransferSubmitResponse._read, "POST", *path, query=query)
        return (yield from _exported(bank_id, submitted.operation_id, poll_interval, timeout))

    export_bank, aexport_bank = pair(_export_bank)

    def _import_bank(
        self,
        bank_id: str,
        archive: File,
        *,
        mode: str | None = None,
        target_bank_id: str | None = None,
        document_conflict: str | None = None,
        include_data: bool | None = None,
        include_bank_config: bool | None = None,
        include_history: bool | None = None,
    ) -> Steps[str]:
        """Requests that an archive becomes a bank, and returns the id of the operation that does it.

        Args:
            bank_id: the bank that the operation belongs to.
            archive: path, bytes, or a file that is open for reading bytes.
            mode: "restore" for a bank that is not there, "merge" for documents into one that is.
            target_bank_id: id of the new bank.
            document_conflict: what becomes of documents that are there: "skip", "replace" or "new-id".
            include_data: whether memories are taken.
            include_bank_config: whether settings are taken.
            include_history: whether what happened is taken.
        """
        query = {
            "mode": mode,
            "target_bank_id": target_bank_id,
            "document_conflict": document_conflict,
            "include_data": include_data,
            "include_bank_config": include_bank_config,
            "include_history": include_history,
        }
        file = ("archive.zip", archive) if isinstance(archive, (bytes, bytearray)) else archive
        submitted: BankTransferSubmitResponse = yield Call(
            BankTransferSubmitResponse._read,
            "POST",
            *bank(bank_id, "transfer", "import"),
            query=query,
            form=([], [("file", *_file(file))]),
        )
        return submitted.operation_id

    import_bank, aimport_bank = pair(_import_bank)

    def _clone_bank(
        self,
        bank_id: str,
        target_bank_id: str,
        include_data: bool | None = None,
        include_bank_config: bool | None = None,
        include_history: bool | None = None,
    ) -> Steps[str]:
        """Requests a copy of a bank under another id, and returns the id of the operation that makes it."""
        query = {
            "target_bank_id": target_bank_id,
            "include_data": include_data,
            "include_bank_config": include_bank_config,
            "include_history": include_history,
        }
        submitted: BankTransferSubmitResponse = yield Call(
            BankTransferSubmitResponse._read, "POST", *bank(bank_id, "clone"), query=query
        )
        return submitted.operation_id

    clone_bank, aclone_bank = pair(_clone_bank)
