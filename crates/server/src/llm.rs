//! Building the language models that were chosen.

use std::sync::Arc;

use hindsight_engine::ports::{LanguageModel, SystemClock};
use hindsight_models::llm::build;

use crate::config::Config;
use crate::load::StartError;

/// The language models of these settings, for programs that build their engine themselves; none
/// where facts are to be made by rules. Nobody is called for that.
pub fn language_model(config: &Config) -> Result<Option<Arc<dyn LanguageModel>>, StartError> {
    let Some(options) = config.llm.clone() else {
        tracing::info!(
            "no language model: facts are made by rules, and questions (reflect) are not answered; set HINDSIGHT_API_LLM_PROVIDER and HINDSIGHT_API_LLM_API_KEY to have one"
        );
        return Ok(None);
    };
    let llm = build(options, Arc::new(SystemClock))?;
    tracing::info!(models = llm.names().join("; "), "language model");
    Ok(Some(Arc::new(llm)))
}
