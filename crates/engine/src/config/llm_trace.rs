//! Settings of the records of model calls.

/// Which calls of language models are recorded, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlmTraceSettings {
    /// Whether any are.
    pub enabled: bool,
    /// Scopes or operations whose calls are; empty = all.
    pub scopes: Vec<String>,
    /// Scopes or operations whose calls are not, whatever else is said.
    pub excluded_scopes: Vec<String>,
    /// Days after which records go; none = they stay.
    pub retention_days: Option<i32>,
    /// Characters of a conversation, and of an answer, that are kept; 0 = all.
    pub max_chars: usize,
    /// Records that may wait to be written; when there are more, the newest are lost.
    pub queue: usize,
}

impl Default for LlmTraceSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            scopes: Vec::new(),
            excluded_scopes: Vec::new(),
            retention_days: Some(1),
            max_chars: 50_000,
            queue: 1000,
        }
    }
}

impl LlmTraceSettings {
    /// Whether calls of a scope of an operation are recorded.
    pub(crate) fn records(&self, operation: &str, scope: &str) -> bool {
        let names = |list: &[String]| list.iter().any(|name| name == operation || name == scope);
        self.enabled && (self.scopes.is_empty() || names(&self.scopes)) && !names(&self.excluded_scopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_chosen_by_their_names_or_by_those_of_their_operations() {
        let settings = |scopes: &[&str], excluded: &[&str]| LlmTraceSettings {
            scopes: scopes.iter().map(ToString::to_string).collect(),
            excluded_scopes: excluded.iter().map(ToString::to_string).collect(),
            ..LlmTraceSettings::default()
        };
        let reflect = |settings: &LlmTraceSettings| settings.records("reflect", "reflect_agent");
        assert!(reflect(&settings(&[], &[])));
        assert!(
            reflect(&settings(&["reflect"], &[]))
                && reflect(&settings(&["reflect_agent"], &["reflect_final"]))
        );
        assert!(
            !reflect(&settings(&["retain"], &[])) && !reflect(&settings(&["reflect"], &["reflect_agent"]))
        );
        assert!(!reflect(&LlmTraceSettings { enabled: false, ..settings(&["reflect"], &[]) }));
    }
}
