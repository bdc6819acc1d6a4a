//! Who speaks: the name before the colon at the start of a line.

use std::sync::LazyLock;

use regex::Regex;

use super::{is_stop_word, is_unspaced, pattern};

/// A line that begins a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// The speaker's name, bare.
    pub name: &'a str,
    /// Bytes before the first word said: time stamp, name, colon, spaces.
    pub prefix: usize,
}

/// Bullet, time stamp and emphasis may stand around the name; after the colon comes a space,
/// or the colon is the wide one of Chinese and Japanese.
static TURN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x)^[\ \t]*
        (?: [-*•>] [\ \t]+ )?
        (?: [\[(]? [0-9]{1,4} [0-9:./,\-\ T]* (?:Z|[AaPp]\.?[Mm]\.?)? [\])]? [\ \t]* (?: [-–—|] [\ \t]* )? )?
        (?: \*\* | __ | \* | _ )?
        ( @? \p{L} [\p{L}\p{M}\p{N}.'’_\ -]{0,39}? )
        (?: \*\* | __ | \* | _ )?
        (?: : (?: \*\* | __ | \* | _ )? (?: \s+ | $ ) | \ ?：\s* )",
    )
});

/// Roles of chat formats: the only speakers taken in lower case.
const ROLES: &[&str] =
    &["agent", "ai", "assistant", "bot", "customer", "developer", "human", "model", "system", "tool", "user"];

/// Words before a colon that head a paragraph or name a field. Sorted.
#[rustfmt::skip]
const LABELS: &[&str] = &[
    "abstract", "action", "actions", "address", "age", "agenda", "aka", "answer", "attendees", "author",
    "background", "birthday", "body", "bonus", "btw", "bug", "category", "caution", "caveat", "cc", "city",
    "company", "conclusion", "contact", "content", "context", "correction", "country", "created", "date",
    "day", "deadline", "decision", "decisions", "default", "description", "details", "disclaimer", "due",
    "duration", "edit", "email", "end", "error", "example", "examples", "fact", "facts", "fix", "from",
    "fyi", "goal", "goals", "hint", "hobbies", "hobby", "id", "idea", "ideas", "important", "info", "input",
    "issue", "job", "key", "keywords", "language", "languages", "likes", "link", "links", "list",
    "location", "meeting", "message", "method", "name", "next", "nickname", "note", "notes", "number",
    "objective", "occupation", "outcome", "output", "overview", "participants", "password", "phone",
    "place", "plan", "preference", "preferences", "price", "priority", "problem", "profession", "project",
    "ps", "purpose", "question", "questions", "reason", "recipe", "reference", "references", "reminder",
    "result", "results", "role", "section", "skills", "solution", "source", "sources", "start", "status",
    "step", "steps", "subject", "summary", "tags", "task", "tasks", "tel", "time", "tip", "tips", "title",
    "tldr", "todo", "topic", "topics", "total", "type", "update", "updated", "updates", "url", "username",
    "value", "version", "warning", "website", "week", "year",
];

/// The speaker a line begins with. Careful: one to four words of at most 40 characters, each
/// written like a name, and no label such as "Note" or "Meeting notes".
pub fn turn(line: &str) -> Option<Turn<'_>> {
    let captures = TURN.captures(line)?;
    let prefix = captures.get(0)?.end();
    let name = captures.get(1)?.as_str().trim_end();
    is_name(name).then_some(Turn { name, prefix })
}

fn is_name(name: &str) -> bool {
    if ROLES.contains(&name) {
        return true;
    }
    let bare = name.trim_start_matches('@');
    // Names in unspaced scripts are short; longer is a clause before the colon.
    if bare.chars().filter(|&c| is_unspaced(c)).count() > 8 {
        return false;
    }
    let mut words = 0;
    for word in bare.split_whitespace() {
        words += 1;
        let lower = word.to_lowercase();
        let plain = lower.trim_matches(|c: char| !c.is_alphanumeric());
        let starts_like_a_name =
            word.starts_with(|c: char| c.is_uppercase() || (!c.is_ascii() && c.is_alphabetic()));
        let is_name_part = words > 1
            && (word.starts_with(|c: char| c.is_ascii_digit())
                || matches!(
                    plain,
                    "de" | "da" | "del" | "der" | "den" | "van" | "von" | "bin" | "al" | "la" | "le"
                ));
        // "Will" and "A" are speakers as often as they are words.
        let is_common = LABELS.binary_search(&plain).is_ok()
            || (plain.len() > 1 && plain != "will" && is_stop_word(plain) && !is_name_part);
        if is_common || !(starts_like_a_name || is_name_part || name.starts_with('@')) {
            return false;
        }
    }
    (1..=4).contains(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(LABELS.is_sorted());
    }

    #[test]
    fn names_before_the_colon() {
        for (line, name, said) in [
            ("Caroline: I went hiking", "Caroline", "I went hiking"),
            ("Dr. Mary-Ann O'Neil: hi", "Dr. Mary-Ann O'Neil", "hi"),
            ("Ludwig van Beethoven: ta-ta-ta-taa", "Ludwig van Beethoven", "ta-ta-ta-taa"),
            ("user: hello", "user", "hello"),
            ("Speaker 1: hello", "Speaker 1", "hello"),
            ("**Alice**: hi", "Alice", "hi"),
            ("**Alice:** hi", "Alice", "hi"),
            ("- Bob: hi", "Bob", "hi"),
            ("[10:32] Alice: hi", "Alice", "hi"),
            ("12/05/2023, 10:32 - Alice: hi", "Alice", "hi"),
            ("[2023-05-08 13:56] Bob: x", "Bob", "x"),
            ("10:32 pm Alice: hi", "Alice", "hi"),
            ("@alice: hi", "@alice", "hi"),
            ("Will: hi", "Will", "hi"),
            ("Q: why", "Q", "why"),
            ("小明：你好", "小明", "你好"),
            ("Анна: привет", "Анна", "привет"),
            ("Alice:", "Alice", ""),
        ] {
            let turn = turn(line).unwrap_or_else(|| panic!("no speaker in {line:?}"));
            assert_eq!((turn.name, &line[turn.prefix..]), (name, said), "{line:?}");
        }
    }

    #[test]
    fn no_names() {
        for line in [
            "https://example.com: x",
            "Note: buy milk",
            "Meeting Notes: all fine",
            "The plan: go",
            "I said: no",
            "However: no",
            "My favourite things: tea",
            "at 10:30: x",
            "10:30: x",
            "Alice:hi",
            "shopping: milk",
            "Alice went to the store and then she said the following: hi",
            "One Two Three Four Five: hi",
            "我今天想说的是这个问题：很多",
            "Alice works at Google",
            ": x",
            "",
        ] {
            assert_eq!(turn(line), None, "{line:?}");
        }
    }
}
