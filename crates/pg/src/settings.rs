//! The settings an instance is started with.
//!
//! They are given on the command line at every start rather than written into the
//! cluster: a new release changes them for old data too, and a cluster made by pg0 needs
//! no rewriting.

use std::path::Path;

/// Memory for cached pages: a sixteenth of the machine's, between 64 and 256 MB.
fn shared_buffers_mb() -> u64 {
    let memory_kb = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    memory_kb.map_or(128, |kb| (kb / 1024 / 16).clamp(64, 256))
}

/// What one start needs beyond the fixed settings.
pub(crate) struct Wanted<'a> {
    /// TCP port on the loopback interface, or a socket only.
    pub(crate) tcp_port: Option<u16>,
    /// Folder of the socket.
    pub(crate) socket_dir: &'a Path,
    /// Connections that the caller's pool may open.
    pub(crate) pool_size: u32,
    /// The user's settings, applied last.
    pub(crate) user: &'a [(String, String)],
}

/// Port in the name of the socket when no TCP port was asked for; every instance has a
/// socket folder of its own.
pub(crate) const SOCKET_PORT: u16 = 5432;

impl Wanted<'_> {
    /// All settings as name and value; of two with one name the later counts.
    pub(crate) fn list(&self) -> Vec<(String, String)> {
        let listen = if self.tcp_port.is_some() { "127.0.0.1" } else { "" };
        // A list of folders: quoted, because a path may hold a comma.
        let socket_dir = format!("\"{}\"", self.socket_dir.to_string_lossy().replace('"', "\"\""));
        let ours = [
            ("listen_addresses", listen.to_owned()),
            ("port", self.tcp_port.unwrap_or(SOCKET_PORT).to_string()),
            ("unix_socket_directories", socket_dir),
            ("max_connections", (self.pool_size + 10).to_string()),
            ("shared_buffers", format!("{}MB", shared_buffers_mb())),
            ("max_wal_size", "256MB".to_owned()),
            ("min_wal_size", "32MB".to_owned()),
            ("fsync", "on".to_owned()),
            ("full_page_writes", "on".to_owned()),
            ("jit", "off".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            // Its messages are read by this crate.
            ("lc_messages", "C".to_owned()),
            // One file per weekday, overwritten a week later.
            ("logging_collector", "on".to_owned()),
            ("log_directory", "log".to_owned()),
            ("log_filename", "postgresql-%a.log".to_owned()),
            ("log_rotation_age", "1d".to_owned()),
            ("log_rotation_size", "0".to_owned()),
            ("log_truncate_on_rotation", "on".to_owned()),
        ];
        let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value));
        ours.chain(self.user.iter().cloned()).collect()
    }
}

/// What keeps data whole through a power cut. The original's instances are started without the
/// first.
pub(crate) const DURABILITY: [&str; 2] = ["fsync", "full_page_writes"];

/// Whether the command line in `postmaster.opts`, every argument of it quoted, switches a
/// setting off.
pub(crate) fn is_switched_off(command_line: &str, setting: &str) -> bool {
    let mut off = false;
    for argument in command_line.split('"') {
        let argument = argument.strip_prefix("-c").or(argument.strip_prefix("--")).unwrap_or(argument);
        if argument == "-F" {
            off |= setting == "fsync";
        } else if let Some((name, value)) = argument.split_once('=')
            && name.trim().replace('-', "_").eq_ignore_ascii_case(setting)
        {
            let value = value.trim().to_ascii_lowercase();
            off = matches!(
                value.as_str(),
                "0" | "of" | "off" | "f" | "fa" | "fal" | "fals" | "false" | "n" | "no"
            );
        }
    }
    off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fsync_is_read_from_the_command_line() {
        let cases = [
            (r#"/bin/postgres "-D" "/data" "-c" "fsync=on""#, false),
            (r#"/bin/postgres "-D" "/data" "-F" "-p" "5432""#, true),
            (r#"/bin/postgres "-D" "/data" "-c" "fsync=off""#, true),
            (r#"/bin/postgres "-cfsync=off""#, true),
            (r#"/bin/postgres "--fsync=FALSE""#, true),
            (r#"/bin/postgres "-c" "fsync=off" "-c" "fsync=on""#, false),
            (r#"/bin/postgres "-D" "/data-F""#, false),
            ("", false),
        ];
        for (command_line, expected) in cases {
            assert_eq!(is_switched_off(command_line, "fsync"), expected, "{command_line}");
        }
    }

    #[test]
    fn full_page_writes_are_read_from_the_command_line() {
        let cases = [
            (r#"/bin/postgres "-D" "/data" "-F""#, false),
            (r#"/bin/postgres "-c" "fsync=off""#, false),
            (r#"/bin/postgres "-c" "full_page_writes=off""#, true),
            (r#"/bin/postgres "--full-page-writes=no""#, true),
            (r#"/bin/postgres "-c" "full_page_writes=off" "-c" "full_page_writes=on""#, false),
        ];
        for (command_line, expected) in cases {
            assert_eq!(is_switched_off(command_line, "full_page_writes"), expected, "{command_line}");
        }
    }
}
