//! The `hindsight` program.

use std::process::ExitCode;

use hindsight_cli::Environment;

fn main() -> ExitCode {
    hindsight_cli::keep_libraries_quiet();
    serve_or_ask()
}

#[tokio::main]
async fn serve_or_ask() -> ExitCode {
    // One TLS provider for the whole process, before anything can ask for one. Only a second caller could
    // make this fail, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    hindsight_cli::run(std::env::args_os(), Environment::read()).await
}
