//! The command line against a server that asks for a key, as one on another machine does: the whole transcript
//! once more, with the key in the environment, and what is about keys.

use std::path::Path;

use anyhow::Result;

use super::HINDSIGHT;
use super::transcript::{self, Changing};
use crate::checks::{Checks, same};
use crate::daemon::{Daemon, Home};

const TRANSCRIPT: &str = "xtask/e2e/remote.transcript";
/// Found nowhere by chance: no answer and no log may hold it.
const KEY: &str = "key-of-the-checks-8c1f";

pub(super) async fn check(checks: &mut Checks, root: &Path, program: &Path, update: bool) -> Result<()> {
    let home = Home::new(root, program)?;
    let server = Daemon::start_with(&home, &[("HINDSIGHT_API_TENANT_API_KEY", KEY)]).await?;
    let changing = Changing::new(vec![
        (home.path().display().to_string(), "[home]"),
        (server.url().to_owned(), "[url]"),
        (env!("CARGO_PKG_VERSION").to_owned(), "[version]"),
    ])?;
    let shell = |line: &str| {
        let mut command = home.shell(line);
        command.env("HINDSIGHT_API_URL", server.url()).env("HINDSIGHT_API_KEY", KEY);
        command
    };
    transcript::check(checks, &root.join(TRANSCRIPT), &changing, update, shell)?;
    // Written by the run without a key; the key must make no difference.
    transcript::check(checks, &root.join(HINDSIGHT), &changing, false, shell)?;
    let told = server.log_text().contains(KEY);
    checks.note("remote: the log does not hold the key", same(&told, &false));
    same(&server.terminate()?.code(), &Some(0))
}
