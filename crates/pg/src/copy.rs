//! Copying an installation to where the database's user can reach it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Copies the folder `from` to the new folder `to`, which appears complete or not at all.
/// Everybody may read the copy. No harm when another process is first.
pub(crate) fn copy_for_everybody(from: &Path, to: &Path) -> io::Result<()> {
    let parent = to.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let unfinished = tempfile::Builder::new().prefix(".copy-").tempdir_in(parent)?;
    let copy = unfinished.path().join("copy");
    copy_folder(from, &copy)?;
    match fs::rename(&copy, to) {
        Err(_) if to.is_dir() => Ok(()),
        renamed => renamed,
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            let program = entry.metadata()?.permissions().mode() & 0o100 != 0;
            fs::set_permissions(&target, fs::Permissions::from_mode(if program { 0o755 } else { 0o644 }))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_complete_and_open() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("bin")).unwrap();
        fs::write(from.join("bin/program"), "p").unwrap();
        fs::set_permissions(from.join("bin/program"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(from.join("data"), "d").unwrap();
        fs::set_permissions(from.join("data"), fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("data", from.join("link")).unwrap();

        copy_for_everybody(&from, &to).unwrap();
        copy_for_everybody(&from, &to).unwrap();
        let mode = |name| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("bin"), mode("bin/program"), mode("data")), (0o755, 0o755, 0o644));
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("data"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }
}
