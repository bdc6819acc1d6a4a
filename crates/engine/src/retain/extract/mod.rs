//! Facts of a chunk, read by a language model.
//!
//! [`prompt`] asks, with the words of [`wording`] and the form of [`schema`]; [`reply`] takes
//! the answer apart and says whether to ask again; [`facts`] makes facts of it and drops what
//! has no [`evidence`]. A chunk whose answer grows too long is [`split`] in two. What an answer
//! was paid for is kept until its document is written: the same question is not asked twice.

mod attached;
mod earlier;
mod evidence;
mod facts;
mod outcome;
mod prompt;
mod read;
mod reply;
mod schema;
mod split;
mod wording;

pub(crate) use attached::is_media;
pub(crate) use earlier::earlier;
pub(crate) use outcome::{ChunkFailure, ChunkOutcome, Dropped, Extraction};
pub(crate) use prompt::{ChunkText, Questions};
pub(crate) use read::{Memory, Reader};
