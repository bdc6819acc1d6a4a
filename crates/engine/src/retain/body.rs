//! The text of a document, put together of its parts.
//!
//! Parts are joined by line breaks; arrays of JSON objects become one array. Every part can be
//! taken out again, so that one that was added lives on when what stands before it is replaced.

use serde::{Deserialize, Serialize};

use super::chunk::json;

/// Where a part stands in the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    start: usize,
    length: usize,
    /// Whether it is elements of an array, whose brackets belong to all parts together.
    is_merged: bool,
}

/// A text and the places of its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    text: String,
    spans: Vec<Span>,
}

impl Body {
    /// A stored text. Without places that fit it, it is one part.
    pub(crate) fn stored(text: String, spans: Vec<Span>) -> Self {
        let fit = |span: &Span| text.get(span.start..span.start.saturating_add(span.length)).is_some();
        if !spans.is_empty() && spans.iter().all(fit) {
            return Self { text, spans };
        }
        let spans = vec![Span { start: 0, length: text.len(), is_merged: false }];
        Self { text, spans }
    }

    /// Adds a part at the end.
    pub(crate) fn push(&mut self, part: &str) {
        if self.spans.is_empty() {
            part.clone_into(&mut self.text);
            self.spans.push(Span { start: 0, length: part.len(), is_merged: false });
            return;
        }
        if let Some(objects) = json::array(part)
            && self.becomes_array()
        {
            // Behind the last element, in place of the closing bracket.
            self.text.pop();
            self.text.push_str(", ");
            let start = self.text.len();
            self.text.push_str(&elements(&objects));
            self.spans.push(Span { start, length: self.text.len() - start, is_merged: true });
            self.text.push(']');
            return;
        }
        self.text.push('\n');
        self.spans.push(Span { start: self.text.len(), length: part.len(), is_merged: false });
        self.text.push_str(part);
    }

    /// Whether the whole text is an array of objects, which then is written uniformly.
    fn becomes_array(&mut self) -> bool {
        let [only] = self.spans.as_mut_slice() else {
            return self.spans.iter().all(|span| span.is_merged);
        };
        let Some(objects) = json::array(&self.text) else {
            return false;
        };
        let inner = elements(&objects);
        *only = Span { start: 1, length: inner.len(), is_merged: true };
        self.text = format!("[{inner}]");
        true
    }

    /// One part as it was added, but for the white space of merged arrays.
    pub(crate) fn part(&self, index: usize) -> Option<String> {
        let span = self.spans.get(index)?;
        let text = self.text.get(span.start..span.start + span.length)?;
        Some(if span.is_merged { format!("[{text}]") } else { text.to_owned() })
    }

    /// The places of all parts.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Gives the text away.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

fn elements(objects: &[json::Object]) -> String {
    let texts: Vec<&str> = objects.iter().map(|object| object.text.as_str()).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&str]) -> Body {
        let mut body = Body::default();
        for part in parts {
            body.push(part);
        }
        body
    }

    #[test]
    fn texts_are_joined_by_line_breaks_and_taken_out_again() {
        let body = of(&["one", "two\n", "drei äöü"]);
        assert_eq!(body.text, "one\ntwo\n\ndrei äöü");
        let parts: Vec<_> = (0..3).map(|index| body.part(index).unwrap()).collect();
        assert_eq!(parts, ["one", "two\n", "drei äöü"]);
        assert_eq!(body.part(3), None);
    }

    #[test]
    fn a_single_part_stays_as_it_was_sent() {
        assert_eq!(of(&["[ {\"a\":1} ]"]).text, "[ {\"a\":1} ]");
    }

    #[test]
    fn arrays_of_objects_become_one() {
        let body = of(&["[ {\"a\":1},{\"b\":2} ]", "[{\"c\":\"caf\\u00e9\"}]", "[{\"d\": []}]"]);
        assert_eq!(body.text, r#"[{"a": 1}, {"b": 2}, {"c": "café"}, {"d": []}]"#);
        assert_eq!(body.part(0).unwrap(), r#"[{"a": 1}, {"b": 2}]"#);
        assert_eq!(body.part(1).unwrap(), r#"[{"c": "café"}]"#);
        // What is added again is the same.
        let again = of(&[&body.part(0).unwrap(), &body.part(1).unwrap(), &body.part(2).unwrap()]);
        assert_eq!(again, body);
    }

    #[test]
    fn a_text_behind_an_array_ends_the_array() {
        let body = of(&["[{\"a\":1}]", "[{\"b\":2}]", "text", "[{\"c\":3}]"]);
        assert_eq!(body.text, "[{\"a\": 1}, {\"b\": 2}]\ntext\n[{\"c\":3}]");
        assert_eq!(body.part(1).unwrap(), "[{\"b\": 2}]");
        assert_eq!(body.part(3).unwrap(), "[{\"c\":3}]");
        assert_eq!(of(&["text", "[{\"c\":3}]"]).text, "text\n[{\"c\":3}]");
    }

    #[test]
    fn places_that_do_not_fit_make_one_part() {
        let whole = Body::stored("short".to_owned(), vec![Span { start: 2, length: 9, is_merged: false }]);
        assert_eq!(whole.part(0).as_deref(), Some("short"));
        assert_eq!(Body::stored("ä".to_owned(), Vec::new()).part(0).as_deref(), Some("ä"));
    }
}
