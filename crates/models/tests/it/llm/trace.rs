//! What is told of calls, and that it is nothing of texts and keys.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use hindsight_engine::ports::LanguageModel;
use hindsight_models::llm::ModelOptions;
use serde_json::json;

use super::player::Player;
use super::providers::PROVIDERS;
use super::{json as json_output, model, prompt};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What everybody in this program says from now on. A subscriber of one thread alone would miss
/// lines: whether a place in the code is worth asking is remembered for all threads.
fn listen() -> Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines = Lines::default();
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        let log = log.with_writer({
            let lines = lines.clone();
            move || lines.clone()
        });
        tracing::subscriber::set_global_default(log.finish()).unwrap();
        lines
    });
    lines.clone()
}

#[tokio::test]
async fn a_call_is_told_with_what_it_cost_and_without_what_was_said() {
    let lines = listen();
    let openai = PROVIDERS[0];
    let good = openai.says_json(&json!({"facts": ["Alice said sesame"]}));
    let broken = openai.says("{\"facts\": [\"sesame");
    let player = Player::start([openai.fails(500, "oops"), good, broken.clone(), broken]).await;
    let model = model(ModelOptions { model: "traced".to_owned(), ..openai.at(&player) });
    model.ask(prompt(json_output())).await.unwrap();
    model.ask(prompt(json_output())).await.unwrap_err();

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let call = "language model operation=\"retain\" model=\"openai/traced\"";
    let told: Vec<_> = log.lines().filter(|line| line.contains(call)).collect();
    let [success, failure] = told.as_slice() else { panic!("{told:?}") };
    for (line, parts) in [
        (success, ["DEBUG", "status=\"success\"", "attempts=2", "input_tokens=10", "output_tokens=5"]),
        (failure, ["WARN", "status=\"not_json\"", "attempts=2", "input_tokens=20", "output_tokens=10"]),
    ] {
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    for secret in ["hush", "sesame", "Alice"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
