//! The programs of the package: `hindsight` and `hindsight-embed`.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use hindsight_cli::{Environment, Program};
use pyo3::prelude::*;
use tokio::runtime::Builder;

/// Runs a command line to its end and returns the exit code. The first argument is the name of the program; `itself`
/// is an executable and what comes before a command, for processes of its own. To be called before there are other threads.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>, itself: (PathBuf, Vec<String>)) -> PyResult<u8> {
    hindsight_cli::keep_libraries_quiet();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (path, before) = itself;
    let itself = Program { path, arguments: before };
    Ok(py.detach(|| {
        let code = runtime.block_on(hindsight_cli::run(arguments, Environment::read(), itself));
        // What ends is not a program of Rust, which would do this by itself.
        let _ = std::io::stdout().flush();
        code
    }))
}
