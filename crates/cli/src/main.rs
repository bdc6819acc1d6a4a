//! The `hindsight` program.

use std::process::ExitCode;

use hindsight_cli::{Environment, Program};

fn main() -> ExitCode {
    hindsight_cli::keep_libraries_quiet();
    serve_or_ask()
}

#[tokio::main]
async fn serve_or_ask() -> ExitCode {
    // One TLS provider for the whole process, before anything can ask for one. Only a second caller could
    // make this fail, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Where the system does not tell, the name is what there is; only a start of a daemon needs it.
    let path = std::env::current_exe().unwrap_or_else(|_| "hindsight".into());
    let itself = Program { path, arguments: Vec::new() };
    ExitCode::from(hindsight_cli::run(std::env::args_os(), Environment::read(), itself).await)
}
