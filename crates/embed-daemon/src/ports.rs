//! Ports of daemons.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

use sha2::{Digest, Sha256};

use crate::profile::Profile;

/// Port of the default profile, if it is free.
pub const DEFAULT_PORT: u16 = 8888;
/// First port of the range for named profiles.
const FIRST: u16 = 8889;
/// Number of ports in that range.
const COUNT: u16 = 1000;

/// The port a profile gets when nothing speaks against it: the SHA-256 sum of its name, as
/// a number, picks one from 8889 to 9888.
pub fn preferred_port(profile: &Profile) -> u16 {
    FIRST + offset(profile)
}

fn offset(profile: &Profile) -> u16 {
    let sum = Sha256::digest(profile.as_str());
    let remainder = sum.iter().fold(0u32, |rest, byte| (rest * 256 + u32::from(*byte)) % u32::from(COUNT));
    u16::try_from(remainder).unwrap_or_default()
}

/// The first port from the preferred one on that nobody else was promised and nobody
/// listens on; none when the whole range is taken.
pub(crate) fn free_port(profile: &Profile, promised: &BTreeSet<u16>) -> Option<u16> {
    let start = offset(profile);
    (0..COUNT)
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|port| !promised.contains(port) && is_free(*port))
}

/// True when this process could listen on a port now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Profile {
        name.parse().unwrap()
    }

    #[test]
    fn names_have_known_ports() {
        for (name, port) in
            [("default", 8984), ("myapp", 9138), ("app1", 9405), ("app2", 9011), ("my-app", 9869)]
        {
            assert_eq!(preferred_port(&profile(name)), port, "{name}");
        }
    }

    #[test]
    fn a_promised_or_taken_port_is_passed_over() {
        // Others on this machine may take ports at any time: only what cannot be is asserted.
        let myapp = profile("myapp");
        let promised = BTreeSet::from([9138, 9139]);
        let port = free_port(&myapp, &promised).unwrap();
        assert!(!promised.contains(&port) && (8889..=9888).contains(&port));
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        assert_ne!(free_port(&myapp, &promised), Some(port));
        drop(taken);
        assert_eq!(free_port(&myapp, &(8889..=9888).collect()), None);
    }
}
