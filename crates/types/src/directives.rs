//! Directives: rules that every answer of a bank follows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode::{Decoder, request};

request! {
    /// `POST directives`.
    pub struct CreateDirectiveRequest check check_create {
        /// What it is called.
        name: String => required,
        /// The rule.
        content: String => required,
        /// Higher ones come first.
        priority: i64 => default(0),
        /// Whether it is followed.
        is_active: bool => default(true),
        /// Requests it is for; none = all.
        tags: Vec<String> => default(Vec::new()),
    }
}

fn check_create(request: &CreateDirectiveRequest, value: &Value, decoder: &mut Decoder) {
    check_words("name", Some(&request.name), value, decoder);
    check_words("content", Some(&request.content), value, decoder);
}

request! {
    /// `PATCH directives/{directive_id}`: changes the fields that are given.
    #[derive(Default)]
    pub struct UpdateDirectiveRequest check check_update {
        /// What it is called.
        name: Option<String> => optional,
        /// The rule.
        content: Option<String> => optional,
        /// Higher ones come first.
        priority: Option<i64> => optional,
        /// Whether it is followed.
        is_active: Option<bool> => optional,
        /// Requests it is for; an empty list = all.
        tags: Option<Vec<String>> => optional,
    }
}

fn check_update(request: &UpdateDirectiveRequest, value: &Value, decoder: &mut Decoder) {
    check_words("name", request.name.as_ref(), value, decoder);
    check_words("content", request.content.as_ref(), value, decoder);
}

/// A text that says something, where there is one.
fn check_words(name: &'static str, text: Option<&String>, value: &Value, decoder: &mut Decoder) {
    if text.is_some_and(|text| text.trim().is_empty()) {
        let input = value.get(name).unwrap_or(&Value::Null);
        decoder.at(name, |decoder| decoder.value_error(&format!("{name} must not be blank"), input));
    }
}

/// Answer to `GET directives`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectiveListResponse {
    /// One page of directives, those of the highest priority first.
    pub items: Vec<DirectiveResponse>,
    /// Number of directives in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Directives skipped.
    pub offset: i64,
}

/// A directive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectiveResponse {
    /// Its id.
    pub id: String,
    /// Public name of its bank.
    pub bank_id: String,
    /// What it is called.
    pub name: String,
    /// The rule.
    pub content: String,
    /// Higher ones come first.
    pub priority: i64,
    /// Whether it is followed.
    pub is_active: bool,
    /// Requests it is for; none = all.
    pub tags: Vec<String>,
    /// When it was made, ISO-8601.
    pub created_at: Option<String>,
    /// When it was last changed, ISO-8601.
    pub updated_at: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::from_json;

    #[test]
    fn a_directive_says_something() {
        let plain: CreateDirectiveRequest =
            from_json(&json!({"name": "tone", "content": "be brief", "priority": null})).unwrap();
        assert_eq!((plain.priority, plain.is_active, plain.tags.len()), (0, true, 0));
        for (body, kinds) in [
            (json!({}), vec!["missing", "missing"]),
            (json!({"name": " ", "content": ""}), vec!["value_error", "value_error"]),
            (json!({"name": "a", "content": "b", "priority": "high"}), vec!["int_parsing"]),
            (json!({"name": "a", "content": "b", "tags": "x"}), vec!["list_type"]),
        ] {
            let errors = from_json::<CreateDirectiveRequest>(&body).expect_err("has problems");
            assert_eq!(errors.iter().map(|error| error.kind.as_str()).collect::<Vec<_>>(), kinds, "{body}");
        }
        assert_eq!(
            from_json::<UpdateDirectiveRequest>(&json!({"name": null})),
            Ok(UpdateDirectiveRequest::default())
        );
        assert!(from_json::<UpdateDirectiveRequest>(&json!({"content": " "})).is_err());
    }
}
