//! The extension behind the Python package `hindsight`: transport, daemons, server and programs.
//!
//! - [`answers`] makes objects of the JSON of answers.
//! - [`connection`] sends requests to a server, or to the daemon of a profile that it starts first.
//! - [`server`] is a server inside the Python process.
//! - [`program`] is the command line, for the scripts of the package.
//! - [`runtime`] holds the rules of threads: who waits lets other Python threads run, hears Ctrl-C, and finds a
//!   runtime of its own after a fork.
//!
//! The Python side gives requests and answers their names and types. No logic of memory belongs here, and nothing that
//! another crate of the project already does.

mod answers;
mod connection;
mod errors;
mod exchange;
mod messages;
mod program;
mod runtime;
mod server;

use pyo3::prelude::*;

// The state of the runtime relies on the interpreter's lock.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // One TLS provider for the whole process. It fails when another extension of this kind was first, which
    // has the same provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<answers::Shape>()?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<runtime::Task>()?;
    module.add_class::<server::Server>()?;
    module.add_function(wrap_pyfunction!(answers::read_json, module)?)?;
    module.add_function(wrap_pyfunction!(program::main, module)?)?;
    module.add_function(wrap_pyfunction!(runtime::shut_down, module)?)?;
    Ok(())
}
