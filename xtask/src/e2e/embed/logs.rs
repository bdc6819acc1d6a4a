//! The log of a daemon that runs: begun anew when it is full, and read meanwhile.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::out;
use crate::daemon::{Home, wait_for};

const PATIENCE: Duration = Duration::from_mins(3);
/// A log that is soon full.
const FULL: u64 = 20_000;

pub(super) fn followed(home: &Home) -> Result<()> {
    let log = home.path().join(".hindsight/profiles/chatty.log");
    let start = format!("HINDSIGHT_EMBED_DAEMON_LOG_MAX_BYTES={FULL} HINDSIGHT_API_LOG_LEVEL=debug");
    out(home, &format!("{start} hindsight-embed -p chatty daemon start"))?;
    let mut follower = home.command();
    follower.args(["embed", "-p", "chatty", "daemon", "logs", "-f", "-n", "1"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn()?;
    let mut pipe = follower.stdout.take().context("there is no pipe")?;
    let read = Arc::new(Mutex::new(Vec::new()));
    let reader = std::thread::spawn({
        let read = Arc::clone(&read);
        move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let new = bytes.get(..count).unwrap_or_default();
                read.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(new);
            }
        }
    });
    let seen = (|| {
        let has_begun = || !read.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        wait_for("the last line so far", PATIENCE, has_begun)?;
        let opened = fs::metadata(&log)?.ino();
        wait_for("a full log", PATIENCE, || {
            let _ = out(home, "hindsight-embed -p chatty bank list");
            fs::metadata(&log).is_ok_and(|now| now.ino() != opened)
        })?;
        out(home, "hindsight-embed -p chatty daemon stop")?;
        // The last words are in the file that came after the follower had begun.
        let text = fs::read_to_string(&log)?;
        let last = text.lines().next_back().context("the log ends with nothing")?.to_owned();
        wait_for("the last line of the log", PATIENCE, || {
            let read = read.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&read).contains(&last)
        })
    })();
    follower.kill()?;
    follower.wait()?;
    // It ends with its pipe.
    let _ = reader.join();
    seen
}
