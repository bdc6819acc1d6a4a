//! Who runs the database: this process's own user, or, for root, an ordinary one.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::error::{IoContext, PgError, Result};

/// Tried in this order when root names nobody.
const CANDIDATES: [&str; 3] = ["hindsight", "postgres", "nobody"];

/// An ordinary user that root runs PostgreSQL as, which refuses to run as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The user to run a new database as: none when this process is not root, since
    /// an ordinary user runs it as itself.
    pub(crate) fn choose(wanted: Option<&str>) -> Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        if let Some(name) = wanted {
            let account = Self::by_name(name)?
                .ok_or_else(|| PgError::NoUser { reason: format!("there is no ordinary user `{name}`") })?;
            return Ok(Some(account));
        }
        for name in CANDIDATES {
            if let Some(account) = Self::by_name(name)? {
                return Ok(Some(account));
            }
        }
        Err(PgError::NoUser { reason: format!("there is no user {}", CANDIDATES.join(", ")) })
    }

    /// The user to run an existing database as: PostgreSQL insists on the owner of the data.
    pub(crate) fn owning(data: &Path) -> Result<Option<Self>> {
        let owner = std::fs::metadata(data).doing("read", data)?;
        let me = Uid::effective();
        if owner.uid() == 0 || (!me.is_root() && owner.uid() != me.as_raw()) {
            return Err(PgError::OtherOwner { path: data.to_owned(), owner: owner.uid() });
        }
        if !me.is_root() {
            return Ok(None);
        }
        // A passwd entry is needed to create a cluster, not to run one.
        let user = User::from_uid(Uid::from_raw(owner.uid())).ok().flatten();
        Ok(Some(match user {
            Some(user) => Self { name: user.name, uid: owner.uid(), gid: user.gid.as_raw() },
            None => Self { name: owner.uid().to_string(), uid: owner.uid(), gid: owner.gid() },
        }))
    }

    fn by_name(name: &str) -> Result<Option<Self>> {
        let user = User::from_name(name)
            .map_err(|error| PgError::NoUser { reason: format!("the user list cannot be read ({error})") })?;
        Ok(user.filter(|user| !user.uid.is_root()).map(|user| Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }))
    }

    /// The first folder on the way to `path`, itself included, that this user may not
    /// pass, judged by owner, group and mode. `path` must exist.
    pub(crate) fn blocked_at(&self, path: &Path) -> Option<PathBuf> {
        let Ok(path) = path.canonicalize() else { return Some(path.to_owned()) };
        let mut folders: Vec<&Path> = path.ancestors().collect();
        folders.reverse();
        folders.into_iter().find(|folder| !self.may_execute(folder)).map(Path::to_owned)
    }

    fn may_execute(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|meta| {
            let bit = if meta.uid() == self.uid {
                0o100
            } else if meta.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            meta.mode() & bit != 0
        })
    }

    /// An error unless this user can pass every folder on the way to `path`.
    pub(crate) fn must_reach(&self, path: &Path, fix: &str) -> Result<()> {
        match self.blocked_at(path) {
            Some(path) => Err(PgError::Unreachable { user: self.name.clone(), path, fix: fix.to_owned() }),
            None => Ok(()),
        }
    }
}
