//! Ports of daemons.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha2::{Digest, Sha256};
use tokio::net::TcpSocket;

use crate::config::PORT_KEY;
use crate::env_file::EnvFile;
use crate::error::{EmbedError, Result};
use crate::home::Home;
use crate::profile::Profile;
use crate::registry::Registry;

/// Port of the default profile, if it is free.
pub const DEFAULT_PORT: u16 = 8888;
/// First port of the range for named profiles.
const FIRST: u16 = 8889;
/// Number of ports in that range.
const COUNT: u16 = 1000;

/// A port for a daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    /// Somebody chose it: no other will do.
    pub(crate) is_chosen: bool,
}

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

/// The port of a profile, as its settings have it. One that somebody chose is used or
/// refused; one that was found may move on when something else listens there, and is
/// written down at once, so that no other profile finds it too.
pub(crate) async fn choose_port(home: &Home, profile: &Profile) -> Result<Port> {
    let path = home.files(profile).config;
    let mut registry = Registry::open(home).await?;
    let mut file = EnvFile::read(&path)?;
    if profile.is_default() {
        if let Some(chosen) = port_in(&file)? {
            return free_or_refused(profile, chosen);
        }
        let promised = registry.ports_of_others(profile);
        let number = Some(DEFAULT_PORT).filter(|port| is_free(*port));
        let number = number.or_else(|| free_port(profile, &promised));
        let number = number.ok_or_else(|| EmbedError::NoFreePort(profile.clone()))?;
        return Ok(Port { number, is_chosen: false });
    }
    let is_moved = registry.move_port(profile, &mut file)?;
    let known = port_in(&file)?;
    if let Some(chosen) = known
        && registry.entry(profile)?.found_port != Some(chosen)
    {
        return free_or_refused(profile, chosen);
    }
    let promised = registry.ports_of_others(profile);
    let number = known
        .filter(|port| is_free(*port) && !promised.contains(port))
        .or_else(|| free_port(profile, &promised))
        .ok_or_else(|| EmbedError::NoFreePort(profile.clone()))?;
    if is_moved || known != Some(number) {
        registry.entry(profile)?.found_port = Some(number);
        // First, because a port without this is taken for one that somebody chose.
        registry.save()?;
        file.set(PORT_KEY, &number.to_string())?;
        file.write(&path)?;
    }
    Ok(Port { number, is_chosen: false })
}

fn free_or_refused(profile: &Profile, number: u16) -> Result<Port> {
    if !is_free(number) {
        return Err(EmbedError::PortTaken { profile: profile.clone(), port: number });
    }
    Ok(Port { number, is_chosen: true })
}

/// The port in the settings of a profile.
pub(crate) fn port_in(file: &EnvFile) -> Result<Option<u16>> {
    file.get(PORT_KEY).filter(|text| !text.is_empty()).map(parse_port).transpose()
}

/// A port that somebody chose.
pub(crate) fn parse_port(text: &str) -> Result<u16> {
    let number = text.parse().ok().filter(|port: &u16| *port >= 1024);
    number.ok_or_else(|| EmbedError::Setting {
        name: PORT_KEY.to_owned(),
        problem: format!("'{text}' is not usable; give a port from 1024 to 65535"),
    })
}

/// The first port from the preferred one on that nobody else was promised and nobody
/// listens on; none when the whole range is taken.
pub(crate) fn free_port(profile: &Profile, promised: &BTreeSet<u16>) -> Option<u16> {
    let start = offset(profile);
    (0..COUNT)
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|port| !promised.contains(port) && is_free(*port))
}

/// True when this process could listen on a port now, and no other does under either name
/// of this machine: a client that tries `localhost` may come to either.
pub(crate) fn is_free(port: u16) -> bool {
    // A machine may have no IPv6; then nobody listens there.
    let is_taken = |error: std::io::Error| error.kind() == ErrorKind::AddrInUse;
    bind(Ipv4Addr::LOCALHOST.into(), port).is_ok()
        && !bind(Ipv6Addr::LOCALHOST.into(), port).is_err_and(is_taken)
}

/// Takes an address without listening on it: whoever begins to listen there in this moment
/// must not find it taken because somebody asked.
fn bind(address: IpAddr, port: u16) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind((address, port).into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

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
        // Somebody on the other loopback address counts as well, where there is one.
        if let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
            assert!(!is_free(other.local_addr().unwrap().port()));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn asking_keeps_nobody_from_listening() {
        // Outside of the range from which the system and daemons take ports by themselves.
        let free = (20_000..30_000).find(|port| is_free(*port)).unwrap();
        let asked = std::sync::atomic::AtomicBool::new(true);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while asked.load(std::sync::atomic::Ordering::Relaxed) {
                    is_free(free);
                }
            });
            let refused =
                (0..2000).filter(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free)).is_err()).count();
            asked.store(false, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(refused, 0);
        });
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, free)).unwrap();
        assert!(!is_free(free));
        drop(taken);
    }

    #[test]
    fn a_chosen_port_is_a_port_for_users() {
        for text in ["80", "0", "70000", "x", "-1", ""] {
            assert!(parse_port(text).unwrap_err().to_string().contains("from 1024 to 65535"), "{text}");
        }
        assert_eq!(parse_port("54321").unwrap(), 54321);
    }
}
