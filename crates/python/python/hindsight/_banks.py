"""Methods about banks: make, set, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._calls import Call, given, pair
from ._memory import bank
from ._transport import Transport, plain
from .models import BankProfileResponse, DeleteResponse, VersionResponse


class BankMethods(Transport):
    """Methods about banks."""

    def _create_bank(
        self,
        bank_id: str,
        name: str | None = None,
        mission: str | None = None,
        disposition_skepticism: int | None = None,
        disposition_literalism: int | None = None,
        disposition_empathy: int | None = None,
        disposition: Mapping[str, int] | Any = None,
        retain_mission: str | None = None,
        retain_extraction_mode: str | None = None,
        retain_custom_instructions: str | None = None,
        retain_chunk_size: int | None = None,
        retain_structured_chunk_size: int | None = None,
        retain_max_attachments_per_chunk: int | None = None,
        enable_observations: bool | None = None,
        observations_mission: str | None = None,
        enable_text_search: bool | None = None,
        enable_temporal_retrieval: bool | None = None,
        enable_graph_retrieval: bool | None = None,
        enable_reranking: bool | None = None,
        reflect_mission: str | None = None,
        background: str | None = None,
    ) -> Call[BankProfileResponse]:
        """Makes a bank, or changes what is given of one that is there.

        Args:
            bank_id: its id.
            name: a name for people.
            mission: who it is when it answers, and what for; `reflect_mission` is the same by its newer name.
            disposition: how it leans when it answers, as `{"skepticism": 3, "literalism": 3, "empathy": 3}`, each
                from 1 to 5.
            disposition_skepticism: from 1, trusting, to 5, doubting.
            disposition_literalism: from 1, reading between the lines, to 5, by the word.
            disposition_empathy: from 1, detached, to 5, feeling.
            retain_mission: what to look for in texts.
            retain_extraction_mode: how texts become facts: "concise", "verbose", "verbatim", "chunks" or "custom".
            retain_custom_instructions: how, for the mode "custom".
            retain_chunk_size: most characters of a text that are read at once.
            retain_structured_chunk_size: the same for conversations and tables.
            retain_max_attachments_per_chunk: most images and files that are read at once.
            enable_observations: whether facts go together into observations.
            observations_mission: what observations are made for.
            reflect_mission: see `mission`.
            background: an older name of `mission`.
            enable_text_search: whether recall looks for words.
            enable_temporal_retrieval: whether recall looks for times.
            enable_graph_retrieval: whether recall follows links.
            enable_reranking: whether results are read again to put them in order.
        """
        traits = disposition.to_dict() if hasattr(disposition, "to_dict") else dict(disposition or {})
        body = given(
            name=name,
            mission=mission,
            **{f"disposition_{trait}": value for trait, value in traits.items()},
            retain_mission=retain_mission,
            retain_extraction_mode=retain_extraction_mode,
            retain_custom_instructions=retain_custom_instructions,
            retain_chunk_size=retain_chunk_size,
            retain_structured_chunk_size=retain_structured_chunk_size,
            retain_max_attachments_per_chunk=retain_max_attachments_per_chunk,
            enable_observations=enable_observations,
            observations_mission=observations_mission,
            reflect_mission=reflect_mission,
            background=background,
            enable_text_search=enable_text_search,
            enable_temporal_retrieval=enable_temporal_retrieval,
            enable_graph_retrieval=enable_graph_retrieval,
            enable_reranking=enable_reranking,
        )
        # Those by themselves say it more exactly than the dictionary.
        body |= given(
            disposition_skepticism=disposition_skepticism,
            disposition_literalism=disposition_literalism,
            disposition_empathy=disposition_empathy,
        )
        return Call(BankProfileResponse._read, "PUT", *bank(bank_id), json=body)

    create_bank, acreate_bank = pair(_create_bank)

    def _set_mission(self, bank_id: str, mission: str) -> Call[BankProfileResponse]:
        """Says who a bank is when it answers, and what for. A bank that is missing is made."""
        return self._create_bank(bank_id, mission=mission)

    set_mission, aset_mission = pair(_set_mission)

    def _set_reflect_mission(self, bank_id: str, reflect_mission: str) -> Call[BankProfileResponse]:
        """The same as `set_mission`."""
        return self._create_bank(bank_id, mission=reflect_mission)

    set_reflect_mission, aset_reflect_mission = pair(_set_reflect_mission)

    def _delete_bank(self, bank_id: str) -> Call[DeleteResponse]:
        """Deletes a bank with everything in it. One that is not there is no error."""
        return Call(DeleteResponse._read, "DELETE", *bank(bank_id))

    delete_bank, adelete_bank = pair(_delete_bank)

    def _get_bank_config(self, bank_id: str) -> Call[dict[str, Any]]:
        """Reads the settings of a bank: `config` as they take effect, `overrides` those that are its own."""
        return Call(plain, "GET", *bank(bank_id, "config"))

    get_bank_config, aget_bank_config = pair(_get_bank_config)

    def _update_bank_config(self, /, bank_id: str, **settings: Any) -> Call[dict[str, Any]]:
        """Changes settings of a bank, given by their names; those that are None stay as they are."""
        return Call(plain, "PATCH", *bank(bank_id, "config"), json={"updates": given(**settings)})

    update_bank_config, aupdate_bank_config = pair(_update_bank_config)

    def _reset_bank_config(self, bank_id: str) -> Call[dict[str, Any]]:
        """Takes all settings of a bank back."""
        return Call(plain, "DELETE", *bank(bank_id, "config"))

    reset_bank_config, areset_bank_config = pair(_reset_bank_config)

    def _get_version(self) -> Call[VersionResponse]:
        """Version and features of the server."""
        return Call(VersionResponse._read, "GET", "version")

    get_version, aget_version = pair(_get_version)
