//! Where sentences end.
//!
//! Cautious by intent: two sentences taken for one do less harm than one cut in two.
//! Abbreviations, initials, decimals, list numbers and addresses do not end a sentence;
//! the full stops of Chinese, Japanese and Indic scripts do, with or without a space.

/// The sentences of a text, trimmed, in order; together they hold all of it but the white
/// space between them. Line breaks count as spaces: cut the text into paragraphs first.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = sentence_end(text, start)?;
        Some(slice(text, std::mem::replace(&mut start, end), end).trim())
    })
    .filter(|sentence| !sentence.is_empty())
}

/// Where the sentence that begins at `start` ends.
fn sentence_end(text: &str, start: usize) -> Option<usize> {
    let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_end(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((next_at, next)) = chars.next_if(|&(_, next)| is_end(next) || is_closer(next)) {
            end = next_at + next.len_utf8();
        }
        if ends_here(slice(rest, 0, at), slice(rest, at, end), slice(rest, end, rest.len())) {
            return Some(start + end);
        }
    }
    Some(text.len())
}

/// True when the text ends like a finished sentence.
pub(crate) fn is_finished(text: &str) -> bool {
    text.trim_end().trim_end_matches(is_closer).ends_with(is_end)
}

/// True when the text ends with a question mark, closing quotes and repeats aside.
pub(crate) fn is_question(sentence: &str) -> bool {
    sentence
        .trim_end()
        .chars()
        .rev()
        .take_while(|&c| is_end(c) || is_closer(c))
        .any(|c| matches!(c, '?' | '？' | '؟'))
}

fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

fn is_wide_end(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '।' | '۔' | '؟')
}

fn is_end(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…') || is_wide_end(c)
}

fn is_closer(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | ')' | ']' | '}' | '»' | '」' | '』' | '）' | '】' | '*' | '_')
}

/// Decides for the end signs `run` between `before` (the sentence so far) and `after`.
fn ends_here(before: &str, run: &str, after: &str) -> bool {
    if run.contains(is_wide_end) {
        return true;
    }
    match after.chars().next() {
        None => return true,
        // An emoji or the like may follow without a space.
        Some(c) if !c.is_whitespace() => return !c.is_ascii() && !c.is_alphanumeric(),
        Some(_) => {}
    }
    let next = after.trim_start().chars().find(|c| c.is_alphanumeric());
    let next_is_lower = next.is_some_and(char::is_lowercase);
    if run == "." {
        return full_stop_ends(before, next, next_is_lower);
    }
    let trails_off = run.starts_with("..") || run.starts_with('…');
    !(next_is_lower && (trails_off || run.ends_with(is_closer)))
}

fn full_stop_ends(before: &str, next: Option<char>, next_is_lower: bool) -> bool {
    let trimmed = before.trim_start();
    let word = trimmed
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '“'))
        .next()
        .unwrap_or_default();
    // "1. Buy milk", "a. The first case"
    if word == trimmed && (word.chars().all(|c| c.is_ascii_digit()) || word.chars().count() == 1) {
        return false;
    }
    let lower = word.to_lowercase();
    match lower.as_str() {
        "dr" | "mr" | "mrs" | "ms" | "prof" | "st" | "mt" | "vs" | "e.g" | "i.e" | "cf" | "fig" | "rev"
        | "gen" | "sen" | "rep" | "gov" | "capt" | "lt" | "sgt" | "hon" | "z.b" | "bzw" | "sra" => false,
        // "No. 5", but "I said no. Then …"
        "no" | "nr" | "vol" | "pp" | "art" | "sec" => !next.is_some_and(|c| c.is_ascii_digit()),
        "etc" | "inc" | "ltd" | "co" | "corp" | "jr" | "sr" | "approx" | "dept" | "est" | "ca" | "al"
        | "jan" | "feb" | "mar" | "apr" | "jun" | "jul" | "aug" | "sep" | "sept" | "oct" | "nov" | "dec" => {
            next.is_some_and(char::is_uppercase)
        }
        // "U.S.", "a.m.", "J.R.R."
        _ if lower.contains('.') && lower.split('.').all(|part| part.chars().count() <= 2) => !next_is_lower,
        // "J. Smith"
        _ => !(word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_where_sentences_end() {
        for (text, expected) in [
            ("One. Two! Three? Four", vec!["One.", "Two!", "Three?", "Four"]),
            ("Really?! Yes.", vec!["Really?!", "Yes."]),
            ("我在北京。你呢？很好！", vec!["我在北京。", "你呢？", "很好！"]),
            ("「はい。」そう言った。", vec!["「はい。」", "そう言った。"]),
            ("यह सच है। ठीक है।", vec!["यह सच है।", "ठीक है।"]),
            ("He said \"Stop.\" Then he left.", vec!["He said \"Stop.\"", "Then he left."]),
            ("Great!🎉 So happy.", vec!["Great!", "🎉 So happy."]),
            ("i like tea. my friend too.", vec!["i like tea.", "my friend too."]),
            ("We met at 5 p.m. Alice came late.", vec!["We met at 5 p.m.", "Alice came late."]),
            ("I said no. Then I left.", vec!["I said no.", "Then I left."]),
            ("So did I. You too.", vec!["So did I.", "You too."]),
            ("", vec![]),
            ("...", vec!["..."]),
        ] {
            assert_eq!(sentences(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn keeps_together_what_only_looks_like_an_end() {
        for text in [
            "Dr. Smith met Mr. Jones vs. St. Mary, e.g. on Monday.",
            "J. R. Smith paid 3.14 dollars at example.com/a.b?c=d today.",
            "1. Buy milk",
            "See No. 5 and Fig. 3.",
            "It was Jan. 5 at 9 a.m. in the U.S. embassy.",
            "well... maybe not",
            "\"Stop!\" he said.",
            "It costs $5.50 (approx. five euros).",
        ] {
            assert_eq!(sentences(text).collect::<Vec<_>>(), [text]);
        }
    }

    #[test]
    fn questions_are_seen_behind_quotes() {
        assert!(is_question("Really?!"));
        assert!(is_question("\"Why?\" "));
        assert!(is_question("你呢？"));
        assert!(!is_question("No? No."));
        assert!(is_finished("Done.)") && !is_finished("and then,"));
    }

    proptest! {
        #[test]
        fn only_white_space_is_lost(text in "(?s)[ a-zA-Z0-9.!?。？\"')\n…é🎉]{0,80}|.{0,80}") {
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&sentences(&text).collect::<String>()), squeeze(&text));
        }
    }
}
