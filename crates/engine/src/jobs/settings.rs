//! What a worker is told about its work.

use std::time::Duration;

/// How a worker works.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSettings {
    /// Its name, for people who look at the table.
    pub worker_id: String,
    /// Operations at once.
    pub slots: usize,
    /// Time between two looks for work when nobody calls.
    pub poll: Duration,
    /// How long an operation is left alone after its worker was last heard of.
    pub lease: Duration,
    /// Attempts after the first.
    pub retries: i32,
    /// Wait before the second attempt; doubles every time.
    pub backoff: Duration,
    /// Longest time of one attempt.
    pub time_limit: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            worker_id: "worker".to_owned(),
            slots: 10,
            poll: Duration::from_millis(500),
            lease: Duration::from_mins(1),
            retries: 3,
            backoff: Duration::from_mins(1),
            time_limit: Duration::from_hours(1),
        }
    }
}
