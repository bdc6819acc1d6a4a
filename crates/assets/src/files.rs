//! Small helpers over the file system: hashes, sizes, durable writes.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::AssetError;

/// SHA-256 of some bytes, as lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file, as lower-case hexadecimal digits.
pub(crate) fn sha256_file(path: &Path) -> Result<String, AssetError> {
    let mut file = File::open(path).map_err(AssetError::io("open", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(AssetError::io("read", path))?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            return Ok(hex(&hasher.finalize()));
        };
        hasher.update(chunk);
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Fails unless the two hashes agree; `path` is what was hashed.
pub(crate) fn expect_hash(path: &Path, expected: &str, actual: String) -> Result<(), AssetError> {
    if actual == expected {
        return Ok(());
    }
    Err(AssetError::HashMismatch { path: path.to_owned(), expected: expected.to_owned(), actual })
}

/// Bytes in all files below a folder; what vanishes while being counted counts as nothing.
pub(crate) fn tree_size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => tree_size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Brings every file and folder below and including `folder` to the disk.
pub(crate) fn sync_tree(folder: &Path) -> Result<(), AssetError> {
    let failed = || AssetError::io("flush", folder);
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let kind = entry.file_type().map_err(failed())?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            sync(&entry.path())?;
        }
    }
    sync(folder)
}

/// Brings one file or folder to the disk.
pub(crate) fn sync(path: &Path) -> Result<(), AssetError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(AssetError::io("flush", path))
}

/// Whether only root or this process's own user can change a file, or exchange it in its folder.
#[cfg(unix)]
pub(crate) fn is_out_of_others_reach(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = nix::unistd::Uid::effective().as_raw();
    let is_kept = |path: &Path| {
        fs::metadata(path).is_ok_and(|meta| [0, own].contains(&meta.uid()) && meta.mode() & 0o022 == 0)
    };
    is_kept(file) && file.parent().is_some_and(is_kept)
}

/// Whether only root or this process's own user can change a file, or exchange it in its folder.
#[cfg(not(unix))]
pub(crate) fn is_out_of_others_reach(_file: &Path) -> bool {
    true
}

/// Sets who may do what with a file; nothing where there are no Unix modes.
#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Sets who may do what with a file; nothing where there are no Unix modes.
#[cfg(not(unix))]
pub(crate) fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
