//! What a profile remembers of its callers, and what they hear of a daemon that runs
//! already.

use std::time::Duration;

use chrono::Utc;

use crate::config;
use crate::daemons::{Daemon, Daemons, without_password};
use crate::env_file::EnvFile;
use crate::error::Result;
use crate::home::ProfileFiles;
use crate::options::{IdleTimeout, StartOptions, warn_of_version};
use crate::profile::Profile;
use crate::registry::{self, Registry};
use crate::run_file::RunFile;

/// How exactly the time of the last use is kept: a file that is written for every call would
/// cost more than the call.
const USE: Duration = Duration::from_mins(1);

impl Daemons {
    /// Joins a daemon that runs: it keeps its settings, but an explicit start decides when
    /// it ends.
    pub(crate) async fn joined(
        &self,
        profile: &Profile,
        mut run: RunFile,
        options: &StartOptions,
    ) -> Result<Daemon> {
        warn_of_version(&run);
        let files = self.home().files(profile);
        let file = EnvFile::read(&files.config)?;
        let mut differing = options.differing(&file);
        let given = options.settings.get(config::DATABASE_URL.name);
        if given.is_some() && without_password(&self.database_or(profile, given)) != run.database {
            differing.push(config::DATABASE_URL.name);
        }
        if !differing.is_empty() {
            tracing::warn!(
                profile = profile.as_str(),
                settings = differing.join(", "),
                "the daemon runs already, with other settings; stop it to start it with these"
            );
        }
        self.register(profile, &files, options, false).await;
        if options.idle_timeout == IdleTimeout::Implicit {
            return Ok(Daemon { run, started: false });
        }
        let wanted = options.idle_seconds(&file, self.config())?;
        if wanted != run.idle_timeout {
            run.idle_timeout = wanted;
            run.write(&files.run)?;
            // Had it decided to end just before, it reads the file once more while it says that
            // it is stopping; so one that still serves now has not missed the change.
            if self.find(profile).await.is_none() {
                let options = StartOptions { force_restart: false, ..options.clone() };
                return Box::pin(self.ensure_running(profile, &options)).await;
            }
        }
        Ok(Daemon { run, started: false })
    }

    /// Remembers that a profile is used, and the settings its caller gave that it did not
    /// have. What the environment holds is not written down: there may be secrets in it that
    /// nobody meant to keep.
    pub(crate) async fn register(
        &self,
        profile: &Profile,
        files: &ProfileFiles,
        options: &StartOptions,
        is_start: bool,
    ) {
        let registered = async {
            let missing = |file: &EnvFile| options.missing_in(file).next().is_some();
            // The default profile is in no list.
            let is_known = profile.is_default() || (!is_start && self.is_used_lately(profile)?);
            if is_known && !missing(&EnvFile::read(&files.config)?) {
                return Ok(());
            }
            let mut registry = Registry::open(self.home()).await?;
            if !is_known {
                registry.entry(profile)?.last_used = registry::now();
                registry.save()?;
            }
            let mut file = EnvFile::read(&files.config)?;
            if !missing(&file) {
                return Ok(());
            }
            let settings: Vec<_> =
                options.missing_in(&file).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            for (name, value) in settings {
                file.set(&name, &value)?;
            }
            file.write(&files.config)
        };
        if let Err(error) = registered.await {
            tracing::warn!(profile = profile.as_str(), %error, "the profile was not written down");
        }
    }

    fn is_used_lately(&self, profile: &Profile) -> Result<bool> {
        let entries = registry::entries(self.home())?;
        let entry = entries.get(profile.as_str());
        let used = entry.and_then(|entry| registry::parse_time(&entry.last_used));
        #[expect(clippy::disallowed_methods, reason = "the list of profiles is for people")]
        let age = used.and_then(|used| (Utc::now() - used).to_std().ok());
        Ok(age.is_some_and(|age| age < USE))
    }
}
