//! The marks that stand for attachments in a text.

use std::collections::HashSet;
use std::ops::Range;

use super::ID_CHARS;

/// Begin of a mark; the id and [`CLOSE`] come behind it.
pub(super) const OPEN: &str = "⟦hs-att:";
/// End of a mark.
pub(super) const CLOSE: &str = "⟧";

/// The mark for the attachment of this id.
pub(super) fn mark(id: &str) -> String {
    format!("{OPEN}{id}{CLOSE}")
}

/// The marks of a text in order: where they stand, and the ids in them.
pub(crate) fn marks(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    text.match_indices(OPEN).filter_map(move |(start, _)| {
        let behind = text.get(start + OPEN.len()..)?;
        let id = behind.get(..ID_CHARS)?;
        let is_id = id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let is_closed = behind.get(ID_CHARS..)?.starts_with(CLOSE);
        (is_id && is_closed).then(|| (start..start + OPEN.len() + ID_CHARS + CLOSE.len(), id))
    })
}

/// Whether a text has a mark.
pub(crate) fn has_marks(text: &str) -> bool {
    marks(text).next().is_some()
}

/// The ids of a text's marks, each once, in order.
pub(crate) fn ids(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    marks(text).map(|(_, id)| id).filter(|id| seen.insert(*id)).map(str::to_owned).collect()
}

/// The text with something else in place of its marks.
pub(crate) fn described(text: &str, describe: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (place, id) in marks(text) {
        out.push_str(text.get(done..place.start).unwrap_or_default());
        out.push_str(&describe(id));
        done = place.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// The text without marks that name nothing: what is left of them stands for nothing.
pub(crate) fn scrubbed(text: &str, is_known: impl Fn(&str) -> bool) -> String {
    described(text, |id| if is_known(id) { mark(id) } else { format!("[hs-att:{id}]") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "⟦hs-att:0123456789ab⟧";

    #[test]
    fn only_whole_marks_are_marks() {
        assert_eq!(ids(&format!("a {A} b {A}⟦hs-att:ffffffffffff⟧")), ["0123456789ab", "ffffffffffff"]);
        for text in [
            "⟦hs-att:0123456789a⟧",
            "⟦hs-att:0123456789abc⟧",
            "⟦hs-att:0123456789AB⟧",
            "⟦hs-att:0123456789ag⟧",
            "⟦hs-att:0123456789ab",
            "⟦hs-att:ääääääääääää⟧",
            "⟦hs-att:",
            "hs-att:0123456789ab⟧",
        ] {
            assert!(!has_marks(text), "{text}");
        }
        assert!(has_marks(&format!("⟦hs-att:{A}")));
    }

    #[test]
    fn what_names_nothing_is_no_mark_any_more() {
        let text = format!("see {A} and ⟦hs-att:ffffffffffff⟧.");
        let left = scrubbed(&text, |id| id.starts_with('0'));
        assert_eq!(left, format!("see {A} and [hs-att:ffffffffffff]."));
        assert_eq!(described(&left, |_| "[image x]".to_owned()), "see [image x] and [hs-att:ffffffffffff].");
    }
}
