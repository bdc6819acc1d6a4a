//! Programs that are heard, stopped and killed.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use hindsight_testkit::{Process, children, parent};

/// Longest wait for something that has to happen, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(3);

fn shell(script: &str) -> Process {
    Process::start_heard(Command::new("sh").args(["-c", script])).unwrap()
}

/// The letter of `/proc` for what a process does.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim().chars().next()
}

#[test]
fn a_program_is_heard_until_it_says_what_is_waited_for() {
    let mut process = shell("echo one; echo two: ready >&2; read word; echo heard $word; exit 3");
    assert_eq!(process.line("ready", PATIENCE).unwrap(), "two: ready");
    process.input().unwrap().write_all(b"you\n").unwrap();
    assert_eq!(process.line("heard", PATIENCE).unwrap(), "heard you");
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(3));
    assert_eq!(process.ended().unwrap().unwrap().code(), Some(3));
}

#[test]
fn a_program_that_ends_or_says_nothing_is_told_with_what_it_said() {
    let error = shell("echo so far").line("ready", PATIENCE).unwrap_err().to_string();
    assert!(error.contains("ended without “ready”") && error.contains("so far"), "{error}");
    let mut silent = shell("exec sleep 60");
    let error = silent.line("ready", Duration::from_millis(10)).unwrap_err().to_string();
    assert!(error.contains("waited 0 s"), "{error}");
    assert!(silent.wait(Duration::from_millis(10)).unwrap_err().to_string().contains("did not end"));
}

#[test]
fn a_program_is_stopped_goes_on_and_is_killed() {
    let mut process = shell("echo up; while read word; do echo $word; done");
    process.line("up", PATIENCE).unwrap();
    process.pause().unwrap();
    assert_eq!(state(process.pid()), Some('T'));
    let mut input = process.input().unwrap();
    input.write_all(b"later\n").unwrap();
    process.resume().unwrap();
    process.line("later", PATIENCE).unwrap();
    process.kill().unwrap();
    assert_eq!(state(process.pid()), None);
}

#[test]
fn a_program_is_asked_to_end_and_none_outlives_its_value() {
    let mut process = shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done");
    process.line("up", PATIENCE).unwrap();
    assert_eq!(process.terminate(PATIENCE).unwrap().code(), Some(7));
    let process = shell("exec sleep 60");
    let pid = process.pid();
    drop(process);
    assert_eq!(state(pid), None);
}

#[test]
fn children_are_found_by_their_parent() {
    let mut process = shell("sleep 60 & echo $!; wait");
    let child: u32 = process.line("", PATIENCE).unwrap().parse().unwrap();
    assert_eq!((children(process.pid()), parent(child)), (vec![child], Some(process.pid())));
    hindsight_testkit::signal(child, hindsight_testkit::Signal::SIGKILL).unwrap();
    process.wait(PATIENCE).unwrap();
}
