//! The real packages through the machine's own package client.

use std::path::Path;

use hindsight_assets::{Asset, AssetStore, NoProgress};

/// Fetches what is missing into the build folder and compares every file with its pin.
#[test]
fn real_packages_install_and_verify() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("assets");
    let store = AssetStore::new(&folder, folder.join("postgres"));
    for asset in Asset::ALL {
        let path = store.ensure(asset, &NoProgress).unwrap();
        assert_eq!(store.verify(asset).unwrap(), path);
    }
}
