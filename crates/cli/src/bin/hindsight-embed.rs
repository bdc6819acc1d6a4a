//! `hindsight-embed`: the program `hindsight` beside this one, by its other name.
//!
//! A program of its own because an archive or a package manager may not keep links; it holds nothing, so that
//! the code is installed once.
#![cfg(unix)]

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => return failed(&format!("this program does not know where it is: {error}")),
    };
    let hindsight = own.with_file_name("hindsight");
    // Returns only when it fails.
    let error = Command::new(&hindsight).arg("embed").args(std::env::args_os().skip(1)).exec();
    failed(&format!("cannot run {}: {error}", hindsight.display()))
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("error: {reason}");
    ExitCode::FAILURE
}
