//! Error bodies: `{"detail": …}`, a sentence or a list of field errors.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a server that is on its way out answers with status 503; it has not carried out the
/// request, which may be sent to the next server.
pub const SERVER_STOPPING: &str = "the server is stopping";

/// Body of every answer with an error status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub detail: ErrorDetail,
}

/// What an [`ErrorBody`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ErrorDetail {
    /// One sentence.
    Message(String),
    /// The problems of a request body or query, one by one.
    Fields(Vec<FieldError>),
    /// A structured detail of a single route.
    Other(Value),
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => f.write_str(message),
            Self::Fields(errors) => {
                for (i, error) in errors.iter().enumerate() {
                    if i > 0 {
                        f.write_str("; ")?;
                    }
                    write!(f, "{error}")?;
                }
                Ok(())
            }
            Self::Other(value) => write!(f, "{value}"),
        }
    }
}

/// One problem of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldError {
    /// Machine-readable kind, for example `missing` or `string_type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where: `["body", "items", 0, "content"]`.
    pub loc: Vec<Loc>,
    /// The problem in words.
    pub msg: String,
    /// The offending value.
    #[serde(default)]
    pub input: Value,
    /// Parameters of the message, for some kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctx: Option<Value>,
}

impl FieldError {
    /// Says that a value breaks a rule of ours, in the form of a validator's error.
    pub fn value_error(loc: Vec<Loc>, rule: &str, input: Value) -> Self {
        let (kind, msg) = ("value_error".to_owned(), format!("Value error, {rule}"));
        Self { kind, loc, msg, input, ctx: Some(json!({"error": {}})) }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.loc.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            match part {
                Loc::Key(key) => f.write_str(key)?,
                Loc::Index(index) => write!(f, "{index}")?,
            }
        }
        write!(f, ": {}", self.msg)
    }
}

/// One step of a field error's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Loc {
    /// Place in a list, or byte offset in unreadable JSON.
    Index(usize),
    /// Name of a field.
    Key(String),
}

impl From<&str> for Loc {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Loc {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}
