//! The contract as something to test against.
//!
//! [`Contract`] reads the OpenAPI document that clients are generated from and checks
//! answers against its schemas.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// The OpenAPI document of the wire.
#[derive(Debug)]
pub struct Contract {
    document: Value,
}

impl Contract {
    /// Reads the document.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self { document: serde_json::from_str(text).context("the contract is JSON")? })
    }

    /// True when the contract has this route: method in lower case, path as in the document.
    pub fn has(&self, method: &str, path: &str) -> bool {
        self.document.get("paths").and_then(|paths| paths.get(path)?.get(method)).is_some()
    }

    /// Checks the answer of a route with a status that the contract describes.
    pub fn check(&self, method: &str, path: &str, status: u16, body: &Value) -> Result<()> {
        let operation = self.document.get("paths").and_then(|paths| paths.get(path)?.get(method));
        let operation = operation.with_context(|| format!("the contract has no {method} {path}"))?;
        let response = operation.get("responses").and_then(|responses| responses.get(status.to_string()));
        let response = response.with_context(|| format!("{method} {path} has no status {status}"))?;
        let schema = response.pointer("/content/application~1json/schema");
        let schema = schema.with_context(|| format!("{method} {path} {status} has no schema"))?;
        let whole = json!({"allOf": [schema], "components": self.document.get("components")});
        let validator = jsonschema::validator_for(&whole).context("the contract's schemas are sound")?;
        let problems: Vec<String> =
            validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if problems.is_empty() {
            return Ok(());
        }
        bail!("{method} {path} {status}: {}", problems.join("; "))
    }
}
