//! Cuts texts with attachments in them.

use super::{ChunkLimits, push_trimmed, split_text};
use crate::attachments::marks;

/// The chunks of a text with marks: no mark is cut, only the text counts, and no chunk has more
/// than `most` marks. A long passage begins in the chunk before it when a quarter of that is
/// left.
pub(in crate::retain) fn chunk_with_marks(text: &str, limits: ChunkLimits, most: usize) -> Vec<String> {
    let mut cutter = Cutter { size: limits.chunk_size.max(1), ..Cutter::default() };
    let mut done = 0;
    for (place, _) in marks(text) {
        cutter.add_text(text.get(done..place.start).unwrap_or_default());
        cutter.add_mark(text.get(place.clone()).unwrap_or_default(), most.max(1));
        done = place.end;
    }
    cutter.add_text(text.get(done..).unwrap_or_default());
    cutter.close();
    cutter.chunks
}

/// Chunks that are done, and the one that is filled.
#[derive(Default)]
struct Cutter {
    size: usize,
    chunks: Vec<String>,
    open: String,
    /// Characters of its text, marks aside.
    filled: usize,
    marks: usize,
}

impl Cutter {
    fn add_text(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let length = rest.chars().count();
            let room = self.size.saturating_sub(self.filled);
            if length <= room {
                self.open.push_str(rest);
                self.filled += length;
                return;
            }
            if self.open.is_empty() {
                let mut pieces = split_text(rest, self.size);
                let last = pieces.pop().unwrap_or_default();
                self.chunks.extend(pieces);
                self.filled = last.chars().count();
                self.open = last;
                return;
            }
            if room * 4 >= self.size {
                let first = split_text(rest, room).into_iter().next().unwrap_or_default();
                let end = rest.find(&first).map_or(0, |at| at + first.len());
                let (taken, behind) = rest.split_at_checked(end).unwrap_or(("", rest));
                // White space before it may be too much.
                if taken.chars().count() <= room {
                    self.open.push_str(taken);
                    rest = behind;
                }
            }
            self.close();
        }
    }

    fn add_mark(&mut self, mark: &str, most: usize) {
        if self.marks >= most {
            self.close();
        }
        self.open.push_str(mark);
        self.marks += 1;
    }

    fn close(&mut self) {
        push_trimmed(&self.open, &mut self.chunks);
        self.open.clear();
        (self.filled, self.marks) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::attachments::{described, ids};

    const MARK: &str = "⟦hs-att:0123456789ab⟧";

    fn cut(text: &str, size: usize, most: usize) -> Vec<String> {
        chunk_with_marks(text, ChunkLimits { chunk_size: size, structured_chunk_size: size }, most)
    }

    #[test]
    fn marks_take_no_room_and_are_counted() {
        assert_eq!(cut(&format!("ten chars.{MARK}"), 10, 8), [format!("ten chars.{MARK}")]);
        assert_eq!(
            cut(&format!("{MARK}\n{MARK}\n{MARK}"), 10, 2),
            [format!("{MARK}\n{MARK}"), MARK.to_owned()]
        );
        assert_eq!(cut(MARK, 1, 1), [MARK]);
    }

    #[test]
    fn a_long_passage_fills_what_is_open_or_begins_anew() {
        let prose = "One two three. Four five six. Seven eight nine. Ten eleven twelve.";
        let chunks = cut(&format!("A start\n{MARK}\n{prose}"), 40, 8);
        assert!(chunks[0].starts_with(&format!("A start\n{MARK}\nOne two three")), "{chunks:?}");
        let chunks = cut(&format!("{}\n{MARK}\n{prose}", "x".repeat(35)), 40, 8);
        assert!(chunks[0].ends_with(MARK) && chunks[1].starts_with("One two three"), "{chunks:?}");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_cut_again(
            words in prop::collection::vec("[a-zäß]{1,12}|⟦hs-att:0123456789ab⟧|\\. |\n\n", 0..60),
            size in 1_usize..60,
            most in 1_usize..4,
        ) {
            let text = words.join(" ");
            let chunks = cut(&text, size, most);
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&chunks.concat()), squeeze(&text));
            for chunk in &chunks {
                prop_assert!(described(chunk, |_| String::new()).chars().count() <= size);
                prop_assert!(marks(chunk).count() <= most);
                prop_assert_eq!(cut(chunk, size, most), std::slice::from_ref(chunk));
            }
            prop_assert!(ids(&text).len() <= 1);
        }
    }
}
