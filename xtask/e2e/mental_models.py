"""Drives a server that has a language model with the official Python client: mental models, written and used.

Prints one line for every check, `ok …` or `FAILED …`, and ends with 1 if one failed.
"""

import time

from hindsight_client import Hindsight
from hindsight_client_api.exceptions import ApiException, NotFoundException

import frame
from frame import equal

BANK = "mental models"
CONTENT = "## Tea\n\nAnn drinks tea."


def written(client, model_id, since=None):
    """The mental model once it was written, after a time."""
    for _ in range(600):
        model = client.get_mental_model(BANK, model_id)
        if model.last_refreshed_at and model.last_refreshed_at != since:
            return model
        time.sleep(0.1)
    raise AssertionError("it was not written")


def create(client):
    client.retain(bank_id=BANK, content="Ann drinks tea", tags=["ann"])
    made = client.create_mental_model(
        bank_id=BANK,
        name="Ann",
        source_query="What does Ann drink?",
        tags=["ann"],
        max_tokens=1024,
        trigger={"mode": "delta", "refresh_after_consolidation": True},
        id="ann",
    )
    equal(made.mental_model_id, "ann")
    assert made.operation_id
    model = written(client, "ann")
    equal((model.content, model.tags, model.max_tokens, model.is_stale), (CONTENT, ["ann"], 1024, False))
    equal((model.trigger.mode, model.trigger.refresh_after_consolidation), ("delta", True))
    equal(model.reflect_response["based_on"]["memories"][0]["text"], "Ann drinks tea")


def list_them(client):
    listed = client.list_mental_models(bank_id=BANK, tags=["ann"], tags_match="all", detail="content")
    equal([(model.id, model.content) for model in listed.items], [("ann", CONTENT)])
    equal(client.list_mental_models(bank_id=BANK, exclude_knowledge_pages=True).items[0].content, None)


def update(client):
    changed = client.update_mental_model(BANK, "ann", name="Annie", trigger={"keep_trace": True})
    equal((changed.name, changed.content), ("Annie", CONTENT))
    equal((changed.trigger.mode, changed.trigger.keep_trace), ("delta", True))


def refresh(client):
    before = client.get_mental_model(BANK, "ann").last_refreshed_at
    queued = client.refresh_mental_model(BANK, "ann", mode="full")
    equal(queued.status, "queued")
    equal(written(client, "ann", before).content, CONTENT)


def dry_run(client):
    client.retain(bank_id=BANK, content="Ann drinks milk", tags=["ann"])
    equal(client.get_mental_model(BANK, "ann").is_stale, True)
    tried = client.dry_run_refresh_mental_model(BANK, "ann")
    equal((tried.effective_mode, tried.outcome, tried.diff), ("delta", "content_unchanged", ""))


def reflect(client):
    answer = client.reflect(bank_id=BANK, query="What does Ann drink?", include_facts=True)
    equal(answer.text, "Tea.")
    equal([model.id for model in answer.based_on.mental_models], ["ann"])


def clear(client):
    equal(client.clear_mental_model(BANK, "ann").content, "")
    history = client.get_mental_model_history(BANK, "ann")
    equal(history[0]["previous_content"], CONTENT)


def delete(client):
    client.delete_mental_model(BANK, "ann")
    try:
        client.get_mental_model(BANK, "ann")
    except NotFoundException:
        return
    raise AssertionError("it is still there")


def refused(client):
    client.create_mental_model(bank_id=BANK, name="n", source_query="q", id="twice")
    try:
        client.create_mental_model(bank_id=BANK, name="n", source_query="q", id="twice")
    except ApiException as error:
        equal(error.status, 409)
        return
    raise AssertionError("two have one id")


async def asynchronous_calls(url):
    client = Hindsight(base_url=url)
    try:
        made = await client.acreate_mental_model(bank_id=BANK, name="Ann", source_query="What does Ann drink?")
        model_id = made.mental_model_id
        listed = await client.alist_mental_models(bank_id=BANK)
        assert model_id in [model.id for model in listed.items]
        equal((await client.aget_mental_model(BANK, model_id)).name, "Ann")
        equal((await client.aupdate_mental_model(BANK, model_id, name="A")).name, "A")
        equal((await client.arefresh_mental_model(BANK, model_id)).status, "queued")
        tried = await client.adry_run_refresh_mental_model(BANK, model_id)
        equal(tried.preview_content, CONTENT)
        equal((await client.aclear_mental_model(BANK, model_id)).content, "")
        await client.aget_mental_model_history(BANK, model_id)
        await client.adelete_mental_model(BANK, model_id)
    finally:
        await client.aclose()


CHECKS = [create, list_them, update, refresh, dry_run, reflect, clear, delete, refused]


if __name__ == "__main__":
    frame.main("mental models", CHECKS, [asynchronous_calls])
