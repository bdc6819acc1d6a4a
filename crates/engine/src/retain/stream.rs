//! Conversations: which facts follow one another.
//!
//! Two items follow one another when the caller dated both, their contexts are equal and
//! they are at most an hour apart: neighbours in one request, or the last item of an
//! earlier request and the first of this one. The facts of an undated document follow one
//! another. Positions come from the order of requests, never from the order of commits.

use uuid::Uuid;

use super::facts::{DraftDocument, PartRun};
use crate::store::{BankRow, StreamPlace, StreamRequest};
use crate::{Engine, EngineError};

/// Longest pause inside a conversation, in seconds.
const MAX_PAUSE: i64 = 3600;

impl Engine {
    /// Gives every fact its place.
    pub(super) async fn place_in_streams(
        &self,
        bank: &BankRow,
        drafts: &mut [DraftDocument],
    ) -> Result<(), EngineError> {
        let (requests, request_of_item) = requests(drafts);
        #[expect(clippy::cast_precision_loss, reason = "a small constant")]
        let places = self.store.take_places(bank.key, &requests, MAX_PAUSE as f64).await?;
        // Where the next fact of each request goes; items come in the order of the request.
        let mut next: Vec<StreamPlace> =
            places.into_iter().map(|(stream_id, position)| StreamPlace { stream_id, position }).collect();
        let mut items: Vec<(usize, usize, usize, usize)> = Vec::new();
        for (document, draft) in drafts.iter_mut().enumerate() {
            if draft.runs.iter().all(|run| run.dated.is_none()) {
                place_undated(draft);
                continue;
            }
            let mut first = 0;
            for run in &draft.runs {
                items.push((run.index, document, first, run.facts));
                first += run.facts;
            }
        }
        items.sort_unstable();
        for (index, document, first, count) in items {
            let request = request_of_item.get(index).copied().flatten();
            let Some(place) = request.and_then(|request| next.get_mut(request)) else {
                continue;
            };
            let facts = drafts.get_mut(document).map(|draft| draft.document.facts.iter_mut());
            for fact in facts.into_iter().flatten().skip(first).take(count) {
                fact.stream = Some(*place);
                place.position += 1;
            }
        }
        Ok(())
    }
}

/// Runs of dated items that follow one another, and for each item of the request the run
/// it belongs to.
fn requests(drafts: &[DraftDocument]) -> (Vec<StreamRequest>, Vec<Option<usize>>) {
    let mut items: Vec<&PartRun> = drafts.iter().flat_map(|draft| &draft.runs).collect();
    items.sort_unstable_by_key(|run| run.index);
    let mut requests: Vec<StreamRequest> = Vec::new();
    let mut request_of_item = vec![None; items.last().map_or(0, |run| run.index + 1)];
    let mut follows = false;
    // What is there already keeps its places, and asks for none.
    for run in items.into_iter().filter(|run| run.facts > 0) {
        let Some(said_at) = run.dated else {
            follows = false;
            continue;
        };
        let facts = i32::try_from(run.facts).unwrap_or(i32::MAX);
        match requests.last_mut() {
            Some(last)
                if follows
                    && last.context_hash == run.context_hash
                    && (said_at - last.last_at).num_seconds().abs() <= MAX_PAUSE =>
            {
                last.last_at = said_at;
                last.facts = last.facts.saturating_add(facts);
            }
            _ => requests.push(StreamRequest {
                context_hash: run.context_hash.clone(),
                first_at: said_at,
                last_at: said_at,
                facts,
                new_stream: Uuid::now_v7(),
            }),
        }
        follows = true;
        if let Some(slot) = request_of_item.get_mut(run.index) {
            *slot = Some(requests.len() - 1);
        }
    }
    (requests, request_of_item)
}

/// A text without a time of its own is a conversation of its own, if it has several facts.
fn place_undated(draft: &mut DraftDocument) {
    let facts = &mut draft.document.facts;
    if facts.len() < 2 {
        return;
    }
    let stream_id = Uuid::now_v7();
    for (position, fact) in (0..).zip(facts) {
        fact.stream = Some(StreamPlace { stream_id, position });
    }
}
