//! The `hindsight` program.

use std::process::ExitCode;

use hindsight_cli::Environment;

#[tokio::main]
async fn main() -> ExitCode {
    // One TLS provider for the whole process, before anything can ask for one. Only a second caller could
    // make this fail, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    hindsight_cli::run(std::env::args_os(), Environment::read()).await
}
