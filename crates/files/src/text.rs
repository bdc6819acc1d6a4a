//! Plain texts and their encodings.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use hindsight_engine::ports::SentFile;

use crate::Limits;

/// How far into a page its encoding is told.
const PROLOGUE: usize = 1024;

/// A text as text: by its byte order mark, as UTF-8, by what its sender says, or as Latin-1.
pub(crate) fn decode(file: &SentFile, limits: &Limits) -> Result<String, String> {
    decode_by(file, None, limits)
}

/// The same for a page, which may tell its encoding itself.
pub(crate) fn decode_page(file: &SentFile, limits: &Limits) -> Result<String, String> {
    decode_by(file, told(&file.bytes), limits)
}

fn decode_by(file: &SentFile, told: Option<&'static Encoding>, limits: &Limits) -> Result<String, String> {
    let bytes = &file.bytes;
    if bytes.len() > limits.text {
        return Err(format!("it is larger than {} MB; cut it into several files", limits.text >> 20));
    }
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, bytes.get(length..).unwrap_or_default()),
        None if std::str::from_utf8(bytes).is_ok() => (UTF_8, bytes.as_slice()),
        None => (told.or_else(|| labelled(file)).unwrap_or(WINDOWS_1252), bytes.as_slice()),
    };
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    if text.contains('\0') {
        return Err("it is neither a text nor another kind of file that is read".to_owned());
    }
    Ok(text.into_owned())
}

/// The encoding that the sender names.
fn labelled(file: &SentFile) -> Option<&'static Encoding> {
    charset(file.media_type.as_deref()?)
}

/// The encoding that a page names at its beginning.
fn told(bytes: &[u8]) -> Option<&'static Encoding> {
    let prologue = String::from_utf8_lossy(bytes.get(..PROLOGUE).unwrap_or(bytes)).into_owned();
    // One that could be read so far is none that needs two bytes for each letter.
    charset(&prologue).map(Encoding::output_encoding)
}

/// The encoding behind `charset=`.
fn charset(text: &str) -> Option<&'static Encoding> {
    let lower = text.to_ascii_lowercase();
    let (_, behind) = lower.split_once("charset=")?;
    let label: String = behind
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))
        .collect();
    Encoding::for_label(label.as_bytes())
}
