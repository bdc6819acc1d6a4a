//! A conversation that is the same on every machine, of any length, and questions about it.

use std::fmt::Write;

use chrono::{DateTime, Duration, Utc};

/// Turns of one session, which is one item of a retain.
pub(super) const SESSION: usize = 20;

/// Different tags: each is on one session in so many.
const TAGS: usize = 100;

/// The tag of a session.
pub(super) fn tag(session: usize) -> String {
    format!("guest-{}", session % TAGS)
}

const NAMES: [&str; 12] =
    ["Marta", "Ivo", "Selin", "Tomas", "Noor", "Petra", "Karim", "Lena", "Oskar", "Yuki", "Dana", "Felix"];
const DEEDS: [&str; 16] = [
    "repaired",
    "painted",
    "sold",
    "borrowed",
    "photographed",
    "packed",
    "measured",
    "cleaned",
    "found",
    "ordered",
    "wrapped",
    "tested",
    "polished",
    "catalogued",
    "shipped",
    "sketched",
];
const QUALITIES: [&str; 20] = [
    "wooden", "silver", "broken", "tiny", "heavy", "antique", "striped", "hollow", "glass", "rusty", "woven",
    "folding", "painted", "copper", "round", "leather", "paper", "marble", "electric", "foreign",
];
const THINGS: [&str; 24] = [
    "lantern",
    "kayak",
    "violin",
    "compass",
    "teapot",
    "ladder",
    "carpet",
    "telescope",
    "bicycle",
    "anvil",
    "umbrella",
    "mirror",
    "barrel",
    "chessboard",
    "saddle",
    "microscope",
    "hammock",
    "trumpet",
    "globe",
    "basket",
    "clock",
    "easel",
    "sled",
    "vase",
];
const PLACES: [&str; 18] = [
    "Lisbon", "Oslo", "Kyoto", "Tbilisi", "Quito", "Riga", "Dakar", "Bergen", "Porto", "Hanoi", "Cusco",
    "Ghent", "Tallinn", "Split", "Leipzig", "Utrecht", "Malmo", "Bologna",
];
const REASONS: [&str; 14] = [
    "because the market opens early",
    "before the rain came",
    "although nobody had asked",
    "for my neighbour",
    "after a long train ride",
    "with the new tools",
    "and it took all afternoon",
    "while the shop was closed",
    "to pay the rent",
    "for the school play",
    "as a birthday surprise",
    "instead of sleeping",
    "with some help from the baker",
    "and wrote everything down",
];

/// One thing that was said.
#[derive(Clone, Copy)]
struct Turn(usize);

impl Turn {
    /// A word of a list; neighbouring turns and lists take different ones.
    fn pick<'w>(self, words: &[&'w str], salt: usize) -> &'w str {
        let mixed = (self.0.wrapping_mul(2_654_435_761) ^ salt.wrapping_mul(40_503)).wrapping_mul(97) >> 7;
        words.get(mixed % words.len()).copied().unwrap_or_default()
    }

    fn text(self) -> String {
        format!(
            "I {} the {} {} in {} {}, number {}",
            self.pick(&DEEDS, 1),
            self.pick(&QUALITIES, 2),
            self.pick(&THINGS, 3),
            self.pick(&PLACES, 4),
            self.pick(&REASONS, 5),
            self.0
        )
    }

    fn speaker(self) -> &'static str {
        self.pick(&NAMES, 6)
    }
}

/// The text and the time of a session.
pub(super) fn session(number: usize) -> (String, DateTime<Utc>) {
    let mut text = String::new();
    for turn in (number * SESSION..(number + 1) * SESSION).map(Turn) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}.", turn.speaker(), turn.text());
    }
    (
        text,
        DateTime::<Utc>::UNIX_EPOCH
            + Duration::days(19_700)
            + Duration::hours(7 * i64::try_from(number).unwrap_or_default()),
    )
}

/// A question, and a part of the one memory that answers it.
pub(super) struct Question {
    pub(super) text: String,
    pub(super) answer: String,
}

/// Questions about turns spread evenly over the first `turns`.
pub(super) fn questions(turns: usize, number: usize) -> impl Iterator<Item = Question> {
    (0..number).map(move |question| {
        let turn = Turn((question * turns / number.max(1) + question % 7).min(turns.saturating_sub(1)));
        Question {
            text: format!(
                "Who {} the {} {} in {}, and why?",
                turn.pick(&DEEDS, 1),
                turn.pick(&QUALITIES, 2),
                turn.pick(&THINGS, 3),
                turn.pick(&PLACES, 4)
            ),
            answer: turn.text(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_the_same_everywhere_and_answers_its_questions() {
        let (text, time) = session(3);
        assert_eq!(text.lines().count(), SESSION);
        assert_eq!(time.to_rfc3339(), "2023-12-09T21:00:00+00:00");
        for question in questions(2 * SESSION, 5) {
            let sessions = [session(0).0, session(1).0];
            assert_eq!(sessions.iter().filter(|text| text.contains(&question.answer)).count(), 1);
        }
    }
}
