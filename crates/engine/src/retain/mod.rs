//! Retain: from a text to stored facts.
//!
//! The way of one sentence, top to bottom: [`chunk`] cuts the text, [`plain`] makes
//! facts of a chunk, [`when`] dates them.

pub mod chunk;
pub mod plain;
pub mod when;
