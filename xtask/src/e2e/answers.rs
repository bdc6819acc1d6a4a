//! What needs a language model: a server with a scripted one, driven with the official Python client.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use serde_json::json;

use super::python::run_script;
use crate::checks::{Checks, same};
use crate::daemon::{Daemon, Home};
use crate::environments::{CLIENTS, official};

const SCRIPT: &str = "xtask/e2e/mental_models.py";

pub(super) async fn check(checks: &mut Checks, root: &Path, program: &Path) -> Result<()> {
    let llm = ScriptedLlm::start().await;
    llm.answer_with(|request: &LlmRequest| {
        if request.schema().is_some() {
            return Reply::json(&json!({"operations": []}));
        }
        let is_document = request.system().contains("\nDocument: ");
        let sections = json!([{"heading": "Tea", "level": 2, "blocks": ["Ann drinks tea."]}]);
        let answer = if is_document {
            json!({"document": {"sections": sections}, "answer_found": true, "memory_ids": ["f1"]})
        } else {
            json!({"answer": "Tea.", "answer_found": true, "mental_model_ids": ["p1"]})
        };
        Reply::calls([("done", answer)])
    });
    let url = llm.url();
    let home = Home::new(root, program)?;
    let settings = [
        ("HINDSIGHT_API_LLM_PROVIDER", "openai"),
        ("HINDSIGHT_API_LLM_BASE_URL", url.as_str()),
        ("HINDSIGHT_API_LLM_API_KEY", "hush"),
        ("HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "chunks"),
        ("HINDSIGHT_API_ENABLE_OBSERVATIONS", "false"),
    ];
    let server = Daemon::start_with(&home, &settings).await?;
    let [newest, _] = CLIENTS;
    let mut command = Command::new(official(root, newest)?);
    command.arg(root.join(SCRIPT)).arg(server.url());
    // The model answers on this runtime meanwhile.
    let script = tokio::task::spawn_blocking(move || run_script(command)).await?;
    script.note(checks, "mental models: the script");
    same(&server.terminate()?.code(), &Some(0))
}
