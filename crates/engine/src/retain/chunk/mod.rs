//! Cuts a document into the chunks that are extracted and stored.
//!
//! The cut is deterministic and idempotent: a chunk cut again is that chunk. So an appended
//! document keeps its old chunks and only the new ones are worked on. Sizes are in
//! characters (Unicode scalar values), never bytes, and chunks do not overlap.

pub(crate) mod json;
mod marked;

use json::Object;
pub(super) use marked::chunk_with_marks;

/// How large chunks may be, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Text, and runs of structured items.
    pub chunk_size: usize,
    /// One structured item (a turn, a line, an object): up to here it is kept whole, even
    /// where it is larger than a chunk.
    pub structured_chunk_size: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self { chunk_size: 3000, structured_chunk_size: 3000 }
    }
}

/// Where text may be cut, the best place first; the separator goes to the right-hand piece.
const SEPARATORS: [&str; 9] = ["\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ", ""];

/// The chunks of a document, in order.
///
/// A text that fits is one chunk, unchanged. JSON arrays of objects and JSON lines are packed
/// by whole items; everything else is cut as text, at the best separators there are, trimmed.
pub fn chunk(text: &str, limits: ChunkLimits) -> Vec<String> {
    let size = limits.chunk_size.max(1);
    let structured = limits.structured_chunk_size.max(1);
    if fits(text, size) {
        return vec![text.to_owned()];
    }
    if let Some(turns) = json::array(text) {
        return pack(turns, size, structured, Packing::ARRAY);
    }
    if json::object(text).is_some() {
        return if fits(text, structured) { vec![text.to_owned()] } else { split_text(text, size) };
    }
    if let Some(lines) = json::lines(text) {
        return pack(lines, size, structured, Packing::LINES);
    }
    split_text(text, size)
}

/// How items are put together to one chunk.
#[derive(Clone, Copy)]
struct Packing {
    open: &'static str,
    between: &'static str,
    close: &'static str,
}

impl Packing {
    const ARRAY: Self = Self { open: "[", between: ", ", close: "]" };
    const LINES: Self = Self { open: "", between: "\n", close: "" };

    fn base(self) -> usize {
        self.open.len() + self.close.len()
    }

    fn join(self, items: &[String]) -> String {
        format!("{}{}{}", self.open, items.join(self.between), self.close)
    }
}

fn pack(items: Vec<Object>, size: usize, structured: usize, packing: Packing) -> Vec<String> {
    let mut chunks = Vec::new();
    let mut run: Vec<String> = Vec::new();
    let mut run_size = packing.base();
    for Object { text, .. } in items {
        let length = text.chars().count();
        let is_oversize = length > structured;
        // An item costs one more than its length, whatever really stands between two of them.
        if !run.is_empty() && (is_oversize || run_size + length + 1 > size) {
            chunks.push(packing.join(&run));
            run.clear();
            run_size = packing.base();
        }
        if is_oversize {
            chunks.extend(split_text(&text, structured.min(size)));
        } else {
            run.push(text);
            run_size += length + 1;
        }
    }
    if !run.is_empty() {
        chunks.push(packing.join(&run));
    }
    chunks
}

fn split_text(text: &str, size: usize) -> Vec<String> {
    let mut chunks = Vec::new();
    split_at_separators(text, &SEPARATORS, size, &mut chunks);
    chunks
}

fn split_at_separators(text: &str, separators: &[&str], size: usize, chunks: &mut Vec<String>) {
    let present = separators.iter().position(|separator| text.contains(separator));
    let Some((separator, rest)) = present.and_then(|at| separators.get(at..)?.split_first()) else {
        return push_trimmed(text, chunks);
    };
    // Pieces lie side by side, so a run of them is a span of the text.
    let (mut run, mut run_size) = (0..0, 0);
    for piece in pieces(text, separator) {
        let piece_text = text.get(piece.clone()).unwrap_or_default();
        let length = piece_text.chars().count();
        let is_long = length >= size;
        if is_long || run_size + length > size {
            push_trimmed(text.get(run).unwrap_or_default(), chunks);
            (run, run_size) = (piece.start..piece.start, 0);
        }
        if is_long {
            split_at_separators(piece_text, rest, size, chunks);
            run = piece.end..piece.end;
        } else {
            run.end = piece.end;
            run_size += length;
        }
    }
    push_trimmed(text.get(run).unwrap_or_default(), chunks);
}

/// Spans from one separator to the next; every character for the empty separator.
fn pieces<'a>(text: &'a str, separator: &'a str) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
    let starts = text.match_indices(separator).map(|(at, _)| at).filter(|&at| at > 0);
    let mut ends = starts.chain(std::iter::once(text.len()));
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = ends.find(|&end| end > start)?;
        Some(std::mem::replace(&mut start, end)..end)
    })
}

fn push_trimmed(text: &str, chunks: &mut Vec<String>) {
    let text = text.trim();
    if !text.is_empty() {
        chunks.push(text.to_owned());
    }
}

fn fits(text: &str, size: usize) -> bool {
    text.len() <= size || text.chars().nth(size).is_none()
}

#[cfg(test)]
mod tests;
