//! The log of a daemon: standard error, moved on to a new file when it gets long.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::OFlag;

/// Older parts that are kept at most, whatever is set: every rotation touches each of them.
const MOST_BACKUPS: u32 = 100;

/// How long a log gets, and how many older parts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Bytes after which a new file is begun; 0 = never.
    pub(crate) max_bytes: u64,
    /// Older parts that are kept; 0 = none.
    pub(crate) backups: u32,
}

/// Writes to the log file and begins a new one when it is full. Standard error follows it,
/// so that the words of libraries and of a panic land in the same file.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    rotation: Rotation,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    bytes: u64,
}

impl Log {
    /// Opens the log for more, after rotating it if it is full already.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        if rotation.is_due(length(path)) {
            rotate(path, rotation.backups.min(MOST_BACKUPS))?;
        }
        let current = Mutex::new(Current::open(path)?);
        Ok(Self { path: path.to_owned(), rotation, current })
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.file.write_all(bytes)?;
        current.bytes += bytes.len() as u64;
        if self.rotation.is_due(current.bytes) {
            // A log that cannot be rotated goes on growing: better than none.
            if rotate(&self.path, self.rotation.backups.min(MOST_BACKUPS)).is_ok() {
                *current = Current::open(&self.path)?;
            } else {
                current.bytes = 0;
            }
        }
        Ok(())
    }
}

impl Write for &Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Rotation {
    fn is_due(self, bytes: u64) -> bool {
        self.max_bytes > 0 && bytes >= self.max_bytes
    }
}

impl Current {
    /// Opens the file and lets standard error and standard output go there: what a library
    /// prints must not be read as a word to the starter.
    fn open(path: &Path) -> io::Result<Self> {
        let file = open_append(path)?;
        // Tests keep their own.
        if !cfg!(test) {
            nix::unistd::dup2_stderr(&file)?;
            nix::unistd::dup2_stdout(&file)?;
        }
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }
}

/// Opens a log so that every write goes to its end, whoever else writes.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)
}

/// The last lines of a log; none when there is no log.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    // Bytes that hold so many lines, most of which are far shorter.
    let tail = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(1 << 10).clamp(16 << 10, 16 << 20);
    let read = || -> io::Result<Vec<u8>> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(tail)))?;
        let mut bytes = Vec::new();
        file.take(tail).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(count)).map(|line| (*line).to_owned()).collect()
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// Moves every part one number on; the oldest goes.
fn rotate(path: &Path, backups: u32) -> io::Result<()> {
    if backups == 0 {
        return open_append(path)?.set_len(0);
    }
    for number in (1..backups).rev() {
        match fs::rename(part(path, number), part(path, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::rename(path, part(path, 1)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The log and its older parts, whether they are there or not.
pub(crate) fn parts(path: &Path, backups: u32) -> impl Iterator<Item = PathBuf> {
    std::iter::once(path.to_owned()).chain((1..=backups.min(MOST_BACKUPS)).map(|number| part(path, number)))
}

fn part(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn a_full_log_makes_room_and_old_parts_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.log");
        let log = Log::open(&path, Rotation { max_bytes: 10, backups: 2 }).unwrap();
        for line in ["1234567890\n", "b\n", "cccccccccc\n", "dddddddddd\n", "e\n"] {
            log.append(line.as_bytes()).unwrap();
        }
        assert_eq!(read(&path), "e\n");
        assert_eq!(read(&part(&path, 1)), "dddddddddd\n");
        assert_eq!(read(&part(&path, 2)), "b\ncccccccccc\n");
        assert!(!part(&path, 3).exists());
    }

    #[test]
    fn without_parts_a_full_log_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.log");
        fs::write(&path, "0123456789").unwrap();
        let log = Log::open(&path, Rotation { max_bytes: 10, backups: 0 }).unwrap();
        log.append(b"x").unwrap();
        assert_eq!(read(&path), "x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_last_lines_are_those_with_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.log");
        assert!(last_lines(&path, 4).is_empty());
        let lines: Vec<String> = (0..5000).map(|number| format!("line {number}\n")).collect();
        fs::write(&path, lines.join("\n")).unwrap();
        assert_eq!(last_lines(&path, 2), ["line 4998", "line 4999"]);
    }
}
