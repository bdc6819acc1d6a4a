//! Finding PostgreSQL programs that run on this machine and fit the data.

use std::path::{Path, PathBuf};
use std::process::Command;

use hindsight_assets::{Asset, AssetStore, POSTGRES_VERSION, Progress};

use crate::account::Account;
use crate::command::{ANSWER, command, essence, run};
use crate::copy::copy_for_everybody;
use crate::error::{PgError, Result};

/// The oldest PostgreSQL that is used.
const OLDEST_MAJOR: u32 = 14;

/// The oldest pgvector that is used from a PostgreSQL of the system: the first with `halfvec`
/// and iterative scans.
const OLDEST_PGVECTOR: (u32, u32) = (0, 8);

const SYSTEM_LIBRARIES: [&str; 3] = ["/lib", "/usr/lib", "/usr/local/lib"];

/// Programs of one PostgreSQL, tried out.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    pub(crate) bin: PathBuf,
    /// Its own libraries; none for a PostgreSQL of the system, which finds them by itself.
    pub(crate) lib: Option<PathBuf>,
    /// As in `18.1`.
    pub(crate) version: String,
    pub(crate) major: u32,
}

impl Binaries {
    /// A command for one of the programs.
    pub(crate) fn command(&self, program: &str, account: Option<&Account>) -> Command {
        command(&self.bin.join(program), self.lib.as_deref(), account)
    }

    /// The folder above `bin`.
    pub(crate) fn root(&self) -> &Path {
        self.bin.parent().unwrap_or(&self.bin)
    }

    /// Asks the `postgres` program in `bin` for its version, as the user that will run it:
    /// a bundle for another C library or in a closed folder shows here.
    fn probe(bin: &Path, account: Option<&Account>) -> Result<Self, String> {
        let lib = bin.parent().map(|root| root.join("lib")).filter(|lib| lib.is_dir());
        // The system's own folders are searched anyway and must not be put first.
        let lib = lib.filter(|lib| !SYSTEM_LIBRARIES.iter().any(|system| lib == Path::new(system)));
        if let Some(account) = account
            && let Some(blocked) = account.blocked_at(bin)
        {
            return Err(format!("user {} cannot enter {}", account.name, blocked.display()));
        }
        for program in ["postgres", "initdb"] {
            if !bin.join(program).is_file() {
                return Err(format!("no {program} in {}", bin.display()));
            }
        }
        let mut version = command(&bin.join("postgres"), lib.as_deref(), account);
        version.arg("--version");
        let output = run(version, "", ANSWER)
            .map_err(|error| format!("{} does not run: {error}", bin.join("postgres").display()))?;
        if !output.status.success() {
            let said = essence(&String::from_utf8_lossy(&output.stderr));
            return Err(format!("{} does not run: {said}", bin.join("postgres").display()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().nth(2).unwrap_or_default().to_owned();
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        match digits.parse() {
            Ok(major) if major >= OLDEST_MAJOR => Ok(Self { bin: bin.to_owned(), lib, version, major }),
            _ => Err(format!("{} is PostgreSQL {version}, {OLDEST_MAJOR} or newer is needed", bin.display())),
        }
    }
}

/// Where to look, in this order.
pub(crate) struct Search<'a> {
    /// Named by the user: when it does not work, nothing else is tried.
    pub(crate) bin_dir: Option<&'a Path>,
    /// The installation folder, one folder per version in it.
    pub(crate) installation: &'a Path,
    /// Finds what was delivered with the program, and fetches into the installation folder.
    pub(crate) store: &'a AssetStore,
    /// Whether to fetch, and who hears about it.
    pub(crate) fetch: Option<&'a dyn Progress>,
    /// User that will run the programs.
    pub(crate) account: Option<&'a Account>,
}

impl Search<'_> {
    /// The first PostgreSQL that runs, of the major version of the data if there is data.
    pub(crate) fn find(&self, data: Option<(&Path, u32)>) -> Result<Binaries> {
        let mut tried = Tried { account: self.account, data, reasons: Vec::new(), others: Vec::new() };
        if let Some(bin) = self.bin_dir {
            // The programs are run in another folder than this process.
            let bin = std::path::absolute(bin).unwrap_or_else(|_| bin.to_owned());
            match tried.bin(&bin) {
                Some(found) => return Ok(found),
                // One that works but is of another version than the data does not end the search.
                None if tried.others.is_empty() => return Err(tried.into_error()),
                None => {}
            }
        }
        let delivered = self.store.find(Asset::Postgres).map(|root| self.within_reach(root));
        for root in delivered.into_iter().chain(installed_versions(self.installation)) {
            if !has_pgvector(&root) {
                tried.reasons.push(format!("{} is incomplete, it has no pgvector", root.display()));
                continue;
            }
            if let Some(found) = tried.bin(&root.join("bin")) {
                return Ok(found);
            }
        }
        if data.is_none_or(|(_, major)| POSTGRES_VERSION.split('.').next() == Some(&major.to_string())) {
            match self.fetch() {
                Ok(root) => {
                    if let Some(found) = tried.bin(&root.join("bin")) {
                        return Ok(found);
                    }
                }
                Err(reason) => tried.reasons.push(reason),
            }
        }
        for config in system_configs() {
            if let Some(found) = tried.system(&config) {
                return Ok(found);
            }
        }
        Err(tried.into_error())
    }

    /// What was delivered with a program in root's own folder has to be copied once.
    fn within_reach(&self, root: PathBuf) -> PathBuf {
        let is_blocked = self.account.is_some_and(|account| account.blocked_at(&root).is_some());
        let Some(copy) = root.file_name().map(|name| self.installation.join(name)).filter(|_| is_blocked)
        else {
            return root;
        };
        if copy.is_dir() {
            return copy;
        }
        match copy_for_everybody(&root, &copy) {
            Ok(()) => copy,
            Err(error) => {
                tracing::warn!(from = %root.display(), to = %copy.display(), %error, "cannot copy PostgreSQL");
                root
            }
        }
    }

    fn fetch(&self) -> Result<PathBuf, String> {
        let progress = self.fetch.ok_or("fetching it is switched off")?;
        self.store.ensure(Asset::Postgres, progress).map_err(|error| error.to_string())
    }
}

struct Tried<'a> {
    account: Option<&'a Account>,
    data: Option<(&'a Path, u32)>,
    reasons: Vec<String>,
    others: Vec<String>,
}

impl Tried<'_> {
    fn bin(&mut self, bin: &Path) -> Option<Binaries> {
        match Binaries::probe(bin, self.account) {
            Ok(found) if self.data.is_none_or(|(_, major)| major == found.major) => Some(found),
            Ok(other) => {
                self.others.push(other.version);
                None
            }
            Err(reason) => {
                self.reasons.push(reason);
                None
            }
        }
    }

    /// A PostgreSQL of the system counts only with pgvector.
    fn system(&mut self, config: &Path) -> Option<Binaries> {
        let mut question = command(config, None, None);
        question.args(["--bindir", "--sharedir", "--version"]);
        let output = run(question, "", ANSWER).ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines();
        let bin = PathBuf::from(lines.next()?);
        let control = Path::new(lines.next()?).join("extension/vector.control");
        if !bin.join("postgres").is_file() {
            return None;
        }
        let version = lines.next().unwrap_or_default();
        match std::fs::read_to_string(&control).ok().as_deref().and_then(pgvector_version) {
            Some(version) if version >= OLDEST_PGVECTOR => self.bin(&bin),
            Some(_) => {
                self.reasons.push(format!("the system's {version} has a pgvector older than 0.8"));
                None
            }
            None => {
                self.reasons.push(format!("the system's {version} has no pgvector"));
                None
            }
        }
    }

    fn into_error(self) -> PgError {
        match self.data {
            Some((folder, data)) if !self.others.is_empty() => {
                PgError::OtherMajor { folder: folder.to_owned(), data, found: self.others.join(", ") }
            }
            _ => {
                let mut tried = self.reasons;
                tried.dedup();
                PgError::NoBinaries { tried }
            }
        }
    }
}

/// Folders of the installed versions, the newest first.
fn installed_versions(installation: &Path) -> Vec<PathBuf> {
    let numbers = |path: &Path| -> Option<Vec<u32>> {
        path.file_name()?.to_str()?.split('.').map(|part| part.parse().ok()).collect()
    };
    let entries = std::fs::read_dir(installation).into_iter().flatten().flatten();
    let mut versions: Vec<(Vec<u32>, PathBuf)> =
        entries.filter_map(|entry| Some((numbers(&entry.path())?, entry.path()))).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// Whether an installation has pgvector, which is unpacked last: one without is no use, and
/// may be half of one.
fn has_pgvector(root: &Path) -> bool {
    let has = |folders: [&str; 2], files: &[&str]| {
        folders.iter().any(|folder| files.iter().any(|file| root.join(folder).join(file).is_file()))
    };
    has(["share/extension", "share/postgresql/extension"], &["vector.control"])
        && has(["lib", "lib/postgresql"], &["vector.so", "vector.dylib"])
}

/// The `pg_config` programs of PostgreSQL packages in their usual places, the newest first.
fn system_configs() -> Vec<PathBuf> {
    const PLACES: [(&str, &str, &str); 4] = [
        ("/usr/lib/postgresql", "", "bin/pg_config"),
        ("/usr", "pgsql-", "bin/pg_config"),
        ("/opt/homebrew/opt", "postgresql@", "bin/pg_config"),
        ("/usr/local/opt", "postgresql@", "bin/pg_config"),
    ];
    let mut found = Vec::new();
    for (parent, prefix, config) in PLACES {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let version = entry.file_name().to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            let config = entry.path().join(config);
            if let Some(version) = version
                && config.is_file()
            {
                found.push((version, config));
            }
        }
    }
    found.sort_unstable_by_key(|(version, _): &(u32, PathBuf)| std::cmp::Reverse(*version));
    let mut configs: Vec<PathBuf> = found.into_iter().map(|(_, config)| config).collect();
    // Last, what the search path of programs has.
    configs.push("pg_config".into());
    configs
}

fn pgvector_version(control: &str) -> Option<(u32, u32)> {
    let line = control.lines().find(|line| line.trim_start().starts_with("default_version"))?;
    let mut numbers = line.split_once('=')?.1.trim().trim_matches('\'').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Scripts that play PostgreSQL 18 in `root/bin`.
    fn install_programs(root: &Path) {
        fs::create_dir_all(root.join("bin")).unwrap();
        for program in ["postgres", "initdb"] {
            // Written by another process: a child that another test forks meanwhile would have the
            // file open for writing too, and a program that somebody may write to cannot be run.
            let text = "#!/bin/sh\necho 'postgres (PostgreSQL) 18.1'\n";
            let line = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""];
            let path = root.join("bin").join(program);
            let status = Command::new("sh").args(line).arg(path).arg(text).status().unwrap();
            assert!(status.success());
        }
    }

    fn find(installation: &Path, bin_dir: Option<&Path>) -> Result<Binaries> {
        let store = AssetStore::new(installation.join("none"), installation.join("none"));
        let data = Some((Path::new("/data"), 18));
        Search { bin_dir, installation, store: &store, fetch: None, account: None }.find(data)
    }

    #[test]
    fn half_an_installation_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("18.1.0");
        install_programs(&root);
        assert!(!has_pgvector(&root));
        let passed_over = find(folder.path(), None);
        assert!(!passed_over.is_ok_and(|found| found.root() == root));
        for file in ["share/postgresql/extension/vector.control", "lib/vector.so"] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "").unwrap();
        }
        assert_eq!(find(folder.path(), None).unwrap().root(), root);
    }

    #[test]
    fn a_relative_folder_of_programs_is_meant_from_here() {
        let here = std::env::current_dir().unwrap();
        let folder = tempfile::tempdir_in(&here).unwrap();
        install_programs(folder.path());
        let relative = Path::new(folder.path().file_name().unwrap()).join("bin");
        let found = find(folder.path(), Some(&relative)).unwrap();
        assert_eq!(found.bin, folder.path().join("bin"));
    }
}
