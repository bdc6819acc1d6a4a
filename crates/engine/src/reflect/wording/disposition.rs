//! What the levels of a character mean for an answer.

use std::fmt::Write as _;

use hindsight_types::banks::Disposition;

/// Level of a trait that needs no words.
const USUAL: i64 = 3;
const LEVELS: [&str; 5] = ["very low", "low", "moderate", "high", "very high"];

const SKEPTICISM: [&str; 5] = [
    "take what memories say at face value",
    "mostly trust what memories say, and question it where memories plainly contradict each other",
    "weigh trust and doubt evenly",
    "often doubt: say how well a statement is supported, and by whom",
    "examine every statement and the motives of whoever made it, and rest on none that stands alone",
];
const LITERALISM: [&str; 5] = [
    "read what people mean and not what they say, and go beyond the words freely",
    "weigh what is implied along with what is said",
    "keep the balance between the words and what is meant",
    "prefer what the words say exactly to what they may imply",
    "hold to the exact words, and read nothing into them",
];
const EMPATHY: [&str; 5] = [
    "give the facts and leave feelings out",
    "give the facts first, and mention feelings where they matter",
    "let facts and feelings each have their place",
    "give the feelings and circumstances of people much weight",
    "begin with how people feel and what they go through, and let that lead the answer",
];

/// The traits with their values, and with what they mean when one is not the usual one.
pub(super) fn described(disposition: Disposition) -> String {
    let traits = traits(disposition);
    if traits.iter().all(|(_, level, _)| *level == USUAL) {
        return values(disposition);
    }
    let mut text = String::new();
    for (name, level, meanings) in traits {
        let index = usize::try_from(level - 1).unwrap_or_default();
        let (word, meaning) = (LEVELS.get(index), meanings.get(index));
        if let (Some(word), Some(meaning)) = (word, meaning) {
            let _ = write!(text, "\n- {name}={level} ({word}): {meaning}.");
        }
    }
    text
}

/// The traits with their bare values.
pub(super) fn values(disposition: Disposition) -> String {
    let values = traits(disposition).map(|(name, level, _)| format!("{name}={level}"));
    values.join(", ")
}

fn traits(disposition: Disposition) -> [(&'static str, i64, [&'static str; 5]); 3] {
    let Disposition { skepticism, literalism, empathy } = disposition;
    [
        ("skepticism", skepticism, SKEPTICISM),
        ("literalism", literalism, LITERALISM),
        ("empathy", empathy, EMPATHY),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_of_every_trait_has_words_of_its_own() {
        let usual = Disposition::default();
        assert_eq!(described(usual), "skepticism=3, literalism=3, empathy=3");
        let mut said = std::collections::HashSet::new();
        for level in [1, 2, 4, 5] {
            for disposition in [
                Disposition { skepticism: level, ..usual },
                Disposition { literalism: level, ..usual },
                Disposition { empathy: level, ..usual },
            ] {
                let text = described(disposition);
                assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), 3, "{text}");
                assert!(text.contains(&format!("={level} (")), "{text}");
                assert!(said.insert(text), "two levels are said alike");
                assert!(values(disposition).contains(&format!("={level}")));
            }
        }
        assert_eq!(LEVELS, ["very low", "low", "moderate", "high", "very high"]);
    }
}
