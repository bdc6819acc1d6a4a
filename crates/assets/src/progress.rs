/// Hears how a download goes, for a bar or a log line, and may end it.
pub trait Progress: Send + Sync {
    /// Work on `what` begins; `total` is its size in bytes where that is known.
    fn begin(&self, what: &str, total: Option<u64>);
    /// `bytes` more have arrived.
    fn advance(&self, bytes: u64);
    /// The work that began last has ended, well or badly.
    fn finish(&self);
    /// Whether the fetch has to end, be it at work or waiting for another process; asked often.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}
