//! A file read in a process of its own, which can be ended whatever a parser does.
//!
//! The parent starts a program with [`COMMAND`], the time there is, and what the file is called;
//! the bytes come by its input. What it writes begins with [`READ`] or [`REFUSED`], a text behind.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hindsight_engine::ports::{ConvertError, SentFile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::converter::STACK;
use crate::{Limits, convert};

/// First argument of a program that reads a file.
const COMMAND: &str = "read-file";
/// Begin of an answer that is the text of the file.
const READ: u8 = b'+';
/// Begin of an answer that says why there is none.
const REFUSED: u8 = b'-';
/// Time that a process has beyond that for the file before it ends itself.
const GRACE: Duration = Duration::from_secs(5);

/// A program that hands its arguments to [`serve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// What comes before the arguments that it hands on.
    pub arguments: Vec<String>,
}

/// Reads the file that the arguments name behind the program's own name, if they say that this
/// is what the program was started for. Returns whether they did.
pub fn serve(arguments: &[OsString]) -> io::Result<bool> {
    let [command, milliseconds, name, media_type] = arguments else { return Ok(false) };
    let milliseconds = milliseconds.to_str().and_then(|text| text.parse().ok());
    let Some(milliseconds) = milliseconds.filter(|_| command == COMMAND) else { return Ok(false) };
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    end_after(Duration::from_millis(milliseconds).saturating_add(GRACE))?;
    let text = |text: &OsStr| text.to_string_lossy().into_owned();
    let mut file = SentFile {
        name: text(name),
        media_type: Some(text(media_type)).filter(|text| !text.is_empty()),
        bytes: Vec::new(),
    };
    io::stdin().lock().read_to_end(&mut file.bytes)?;
    let read = move || convert(&file, &Limits::default(), deadline);
    let read = std::thread::Builder::new().stack_size(STACK).spawn(read)?;
    // Who panics has told nothing: that is an answer too.
    let Ok(converted) = read.join() else { return Ok(true) };
    let (mark, text) = match converted {
        Ok(text) => (READ, text),
        Err(problem) => (REFUSED, problem),
    };
    let mut output = io::stdout().lock();
    output.write_all(&[mark])?;
    output.write_all(text.as_bytes())?;
    output.flush()?;
    Ok(true)
}

/// Ends this process after a time: whoever has started it may be gone by then.
fn end_after(time: Duration) -> io::Result<()> {
    let end = move || {
        std::thread::sleep(time);
        std::process::exit(1);
    };
    std::thread::Builder::new().spawn(end)?;
    Ok(())
}

/// Has `program` read a file within `time`; it is ended when it takes longer or nobody waits.
pub(crate) async fn read(program: &Program, file: &SentFile, time: Duration) -> Result<String, ConvertError> {
    let name = &file.name;
    let refused = |problem: &str| Err(ConvertError::Refused(format!("cannot read {name}: {problem}")));
    let answered = tokio::time::timeout(time, answer(program, file, time)).await;
    let Ok(answered) = answered else {
        tracing::warn!(seconds = time.as_secs(), "a file took too long to read and was given up");
        return refused(&format!("reading it takes longer than {} s", time.as_secs()));
    };
    let answer = answered.map_err(|error| {
        tracing::error!(%error, program = %program.path.display(), "the program that reads files cannot be run");
        ConvertError::Unready(format!(
            "cannot read {name}: the program that reads files cannot be run ({error}); start the server anew, or install it again"
        ))
    })?;
    match answer.split_first() {
        Some((&READ, text)) => Ok(String::from_utf8_lossy(text).into_owned()),
        Some((&REFUSED, problem)) => {
            Err(ConvertError::Refused(String::from_utf8_lossy(problem).into_owned()))
        }
        _ => refused("it is broken"),
    }
}

/// All that the program writes. A program that ends badly has written nothing.
async fn answer(program: &Program, file: &SentFile, time: Duration) -> io::Result<Vec<u8>> {
    let mut child = Command::new(&program.path)
        .args(&program.arguments)
        .arg(COMMAND)
        .arg(time.as_millis().to_string())
        .arg(without_nul(&file.name))
        .arg(without_nul(file.media_type.as_deref().unwrap_or_default()))
        // What a file may talk a parser into has no use for keys and places.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let send = async move {
        if let Some(mut input) = input {
            // One that ends before it has read all of it says so by its end.
            let _ = input.write_all(&file.bytes).await;
        }
    };
    let receive = async move {
        let mut answer = Vec::new();
        if let Some(mut output) = output {
            output.read_to_end(&mut answer).await?;
        }
        Ok::<_, io::Error>(answer)
    };
    let ((), answer) = tokio::join!(send, receive);
    let (answer, status) = (answer?, child.wait().await?);
    Ok(if status.success() { answer } else { Vec::new() })
}

/// No argument of a program can have a NUL in it.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}
