//! What a new version of a document has in common with the stored one.
//!
//! Chunks are the same when their texts are and all else that went into reading them; places
//! make no difference, so that what is put in near the start does not cost the rest.

use std::collections::HashSet;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::chunk::chunk_with_marks;
use super::facts::{CutDocument, cut_parts};
use super::resync::chunk_as;
use super::source::Part;
use super::strategy::Plans;
use crate::attachments::has_marks;
use crate::config::ExtractionMode;
use crate::hash::sha256;
use crate::store::ChunkKey;

/// For each new chunk whether it is among the stored ones: the longest sequence that both have.
pub(super) fn same_chunks(stored: &[ChunkKey], new: &[&ChunkKey]) -> Vec<bool> {
    // What only one of them has would make a long way of it.
    let (of_stored, of_new): (HashSet<&ChunkKey>, HashSet<&ChunkKey>) =
        (stored.iter().collect(), new.iter().copied().collect());
    let stored: Vec<&ChunkKey> = stored.iter().filter(|key| of_new.contains(key)).collect();
    let (places, new_keys): (Vec<usize>, Vec<&ChunkKey>) =
        new.iter().copied().enumerate().filter(|(_, key)| of_stored.contains(key)).unzip();
    let mut is_same = vec![false; new.len()];
    for operation in capture_diff_slices(Algorithm::Myers, &stored, &new_keys) {
        if let DiffOp::Equal { new_index, len, .. } = operation {
            for place in places.iter().skip(new_index).take(len) {
                is_same.get_mut(*place).into_iter().for_each(|same| *same = true);
            }
        }
    }
    is_same
}

/// Fewest chunks that another cut has to save to be taken: what has only grown at its end is cut
/// as a text of its own, so that a short last chunk is filled up first.
const WORTH_IT: usize = 2;

/// Notes which chunks are stored already; those that have been read need not be.
pub(super) fn mark_stored(document: &mut CutDocument, stored: &[ChunkKey]) {
    let is_same = if document.source.appends { Vec::new() } else { same(document, stored) };
    for (chunk, is_same) in
        document.chunks.iter_mut().zip(is_same.into_iter().chain(std::iter::repeat(false)))
    {
        chunk.is_stored = is_same && chunk.facts.is_none();
    }
}

fn same(document: &CutDocument, stored: &[ChunkKey]) -> Vec<bool> {
    let new: Vec<&ChunkKey> = document.chunks.iter().map(|chunk| &chunk.key).collect();
    same_chunks(stored, &new)
}

fn count(document: &CutDocument, stored: &[ChunkKey]) -> usize {
    same(document, stored).into_iter().filter(|same| *same).count()
}

/// Whether the document could have many more of the stored chunks, were it cut where they were.
pub(super) fn may_share_more(document: &CutDocument, stored: &[ChunkKey]) -> bool {
    let is_read = document.chunks.iter().any(|chunk| chunk.facts.is_some());
    !document.source.appends && !is_read && count(document, stored) + WORTH_IT <= stored.len()
}

/// Cuts the document where the stored chunks, whose texts are `bodies`, were cut, if it has more
/// of them then.
pub(super) fn cut_as(
    document: &mut CutDocument,
    stored: &[ChunkKey],
    bodies: &[String],
    plans: &Plans,
    has_model: bool,
) {
    let shared = count(document, stored);
    let cut = |part: &Part, limits, most| {
        if has_marks(&part.text) {
            chunk_with_marks(&part.text, limits, most)
        } else {
            chunk_as(&part.text, bodies, limits)
        }
    };
    let chunks = cut_parts(&document.source, plans, has_model, cut);
    let before = std::mem::replace(&mut document.chunks, chunks);
    if count(document, stored) < shared + WORTH_IT {
        document.chunks = before;
    }
}

/// Hash of what goes into reading the chunks of an item besides their texts. `reader` names what
/// reads them, and whether it is shown the metadata.
///
/// The time of an item that the caller has not dated makes no difference: what was said once
/// was said then, whenever it is sent again.
pub(super) fn provenance(part: &Part, reader: Reader) -> Vec<u8> {
    let said = match (part.said_at, part.is_dated) {
        (None, _) => "unset".to_owned(),
        (Some(_), false) => "now".to_owned(),
        (Some(time), true) => time.timestamp_micros().to_string(),
    };
    let metadata = part.metadata.as_ref().filter(|_| reader.sees_metadata);
    // As JSON, so that no two of different fields look the same.
    let fields =
        serde_json::json!([reader.name, said, part.context, part.entities, part.resolve_entities, metadata,]);
    sha256(fields.to_string())
}

/// What reads chunks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether the metadata of an item makes a difference to it.
    pub(super) sees_metadata: bool,
}

impl Reader {
    /// What reads chunks in this mode.
    pub(super) fn of(mode: ExtractionMode, has_model: bool) -> Self {
        let (name, is_model) = match mode {
            ExtractionMode::Chunks => ("chunks", false),
            _ if !has_model => ("rules", false),
            ExtractionMode::Concise => ("concise", true),
            ExtractionMode::Verbose => ("verbose", true),
            ExtractionMode::Custom => ("custom", true),
            ExtractionMode::Verbatim => ("verbatim", true),
        };
        Self { name, sees_metadata: is_model }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &str) -> Vec<ChunkKey> {
        let key =
            |name: char| ChunkKey { content_hash: vec![u8::try_from(name).unwrap()], provenance: vec![] };
        names.chars().map(key).collect()
    }

    fn same(stored: &str, new: &str) -> String {
        let (stored, new) = (keys(stored), keys(new));
        let new: Vec<&ChunkKey> = new.iter().collect();
        same_chunks(&stored, &new).into_iter().map(|same| if same { '=' } else { '+' }).collect()
    }

    #[test]
    fn the_longest_common_sequence_stays() {
        assert_eq!(same("abc", "abc"), "===");
        assert_eq!(same("abc", "xabc"), "+===");
        assert_eq!(same("abcdef", "abXdef"), "==+===");
        assert_eq!(same("abcdef", "defabc").matches('=').count(), 3);
        assert_eq!(same("abc", "xyz"), "+++");
        assert_eq!(same("", "ab"), "++");
        assert_eq!(same("ab", ""), "");
        assert_eq!(same("axbyc", "pabqcr"), "+==+=+");
        assert_eq!(same("aab", "aaab").matches('=').count(), 3);
    }
}
