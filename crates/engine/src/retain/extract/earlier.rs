//! What stands right before a chunk, so that its reader knows who and what is meant.

use crate::retain::chunk::json;
use crate::text::sentences::sentences;
use crate::text::speaker;

/// Longest text of it, in characters: some turns or sentences.
const LONGEST: usize = 500;

/// The end of the texts before a chunk, given in their order; whole turns and sentences as far
/// as they fit, of a single longer one its end.
pub(crate) fn earlier(before: impl DoubleEndedIterator<Item: AsRef<str>>) -> String {
    let mut kept: Vec<String> = Vec::new();
    let mut room = LONGEST;
    'texts: for text in before.rev() {
        for piece in pieces(text.as_ref()).into_iter().rev() {
            let length = piece.chars().count() + 1;
            if length > room {
                if kept.is_empty() {
                    kept.push(end_of(&piece));
                }
                break 'texts;
            }
            room -= length;
            kept.push(piece);
        }
    }
    kept.reverse();
    kept.join("\n")
}

fn pieces(text: &str) -> Vec<String> {
    if let Some(list) = json::array(text).or_else(|| json::lines(text)) {
        return list.into_iter().map(|object| object.text).collect();
    }
    let mut pieces = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if speaker::turn(line).is_some() {
            pieces.push(line.trim().to_owned());
        } else {
            pieces.extend(sentences(line).map(|sentence| sentence.trim().to_owned()));
        }
    }
    pieces
}

fn end_of(piece: &str) -> String {
    let skip = piece.chars().count().saturating_sub(LONGEST - 2);
    let tail: String = piece.chars().skip(skip).collect();
    let tail = tail.split_once(char::is_whitespace).map_or(tail.as_str(), |(_, whole_words)| whole_words);
    format!("… {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pieces_from_the_end() {
        assert_eq!(earlier(std::iter::empty::<&str>()), "");
        let dialogue = "Ann: Hello there. How are you?\nBen: Fine.";
        assert_eq!(earlier([dialogue].into_iter()), dialogue);
        assert_eq!(earlier(["One. Two.", "Three."].into_iter()), "One.\nTwo.\nThree.");
        assert_eq!(earlier(["[{\"a\": 1}, {\"b\": 2}]"].into_iter()), "{\"a\": 1}\n{\"b\": 2}");
        let long = format!("First. {} Last.", "This one goes on and on. ".repeat(30));
        let kept = earlier([long.as_str()].into_iter());
        assert!(kept.ends_with("Last.") && !kept.contains("First") && kept.chars().count() <= LONGEST);
    }

    #[test]
    fn of_one_long_piece_the_end() {
        let text = "word ".repeat(300);
        let kept = earlier([text.as_str()].into_iter());
        assert!(kept.starts_with("… word") && kept.chars().count() <= LONGEST, "{kept}");
        assert!(earlier([&*"字".repeat(900)].into_iter()).chars().count() <= LONGEST);
    }
}
