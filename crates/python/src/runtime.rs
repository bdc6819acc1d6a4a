//! The runtime that requests live in, and how Python threads wait for them.
//!
//! There is one for each process: a child that was forked has none of its parent's threads, so it leaves the
//! parent's runtime alone and makes one of its own. The state below is only looked at with the interpreter's lock
//! held and never while waiting, and whoever forks holds that lock too; so a child never finds it half changed.

use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Threads for all requests of the process. They wait for the network most of the time.
const THREADS: usize = 2;
/// Time between two looks at signals while a thread waits.
const SIGNALS: Duration = Duration::from_millis(100);
/// Longest wait for calls under way and for threads when the interpreter ends.
const GOODBYE: Duration = Duration::from_secs(1);
/// Time between two looks at calls under way then.
const LOOK: Duration = Duration::from_millis(1);

static STATE: Mutex<State> = Mutex::new(State { process: 0, phase: Phase::New });

struct State {
    /// Process that the rest belongs to; another one begins anew.
    process: u32,
    phase: Phase,
}

enum Phase {
    New,
    Running(Runtime, Shared),
    /// The interpreter ends, in this thread.
    Ended(ThreadId),
}

/// What calls have to know of the runtime.
#[derive(Clone)]
struct Shared {
    handle: Handle,
    /// Says when the interpreter ends.
    ending: watch::Sender<bool>,
    /// Threads that wait.
    waiting: Arc<AtomicUsize>,
}

/// A request that nobody waits for in a thread of its own.
#[pyclass(frozen, module = "hindsight._native")]
pub(crate) struct Task {
    task: AbortHandle,
}

#[pymethods]
impl Task {
    /// Calls the request off; its callback is not called any more.
    fn cancel(&self) {
        self.task.abort();
    }
}

/// Waits for a future in this thread. Other Python threads run meanwhile, and a signal handler that raises ends it.
pub(crate) fn wait<T: Send>(py: Python<'_>, future: impl Future<Output = T> + Send) -> PyResult<T> {
    let shared = shared(py)?;
    let mut ending = shared.ending.subscribe();
    let waiting = Waiting::begin(&shared.waiting);
    let (answer, waiting) = py.detach(|| {
        let answer = shared.handle.block_on(async {
            tokio::select! {
                answer = interruptible(future) => Some(answer),
                _ = ending.wait_for(|is_ending| *is_ending) => None,
            }
        });
        match answer {
            Some(answer) => (answer, waiting),
            None => {
                drop(waiting);
                rest()
            }
        }
    });
    // Only now: this thread has the interpreter's lock again.
    drop(waiting);
    answer
}

/// Rests until the process is gone. A thread that nobody waits for has nobody to tell of an error once the
/// interpreter ends, and must not look for its lock any more, which would end the thread in the middle of our code.
fn rest() -> ! {
    loop {
        std::thread::park();
    }
}

/// Waits for a future and looks at Python's signals meanwhile.
pub(crate) async fn interruptible<T>(future: impl Future<Output = T>) -> PyResult<T> {
    let mut future = pin!(future);
    loop {
        if let Ok(answer) = tokio::time::timeout(SIGNALS, &mut future).await {
            return Ok(answer);
        }
        look_at_signals()?;
    }
}

fn look_at_signals() -> PyResult<()> {
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone fits one lifetime only")]
    Python::attach(|py| py.check_signals())
}

/// Carries out a future in the background and calls `finish` with what came of it, with the interpreter's lock held.
pub(crate) fn spawn<T, F>(
    py: Python<'_>,
    future: F,
    finish: impl FnOnce(Python<'_>, T) + Send + 'static,
) -> PyResult<Task>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let shared = shared(py)?;
    let ending = shared.ending.subscribe();
    let task = shared.handle.spawn(async move {
        let answer = future.await;
        if !*ending.borrow() {
            Python::try_attach(|py| finish(py, answer));
        }
    });
    Ok(Task { task: task.abort_handle() })
}

/// Ends the runtime: other threads rest in their calls, and no thread of ours is left. To be called once the
/// interpreter ends.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) {
    let mut state = state();
    let phase = mem::replace(&mut state.phase, Phase::Ended(std::thread::current().id()));
    let process = mem::replace(&mut state.process, std::process::id());
    drop(state);
    let Phase::Running(runtime, shared) = phase else { return };
    if process != std::process::id() {
        mem::forget((runtime, shared));
        return;
    }
    shared.ending.send_replace(true);
    py.detach(|| {
        let deadline = Instant::now() + GOODBYE;
        while shared.waiting.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        runtime.shutdown_timeout(GOODBYE);
    });
}

/// The runtime of this process.
fn shared(py: Python<'_>) -> PyResult<Shared> {
    let mut state = state();
    let process = std::process::id();
    if state.process != process {
        let before = mem::replace(&mut *state, State { process, phase: Phase::New });
        if let Phase::Running(..) = before.phase {
            // Its threads are those of the parent.
            mem::forget(before);
        }
    }
    match &state.phase {
        Phase::Running(_, shared) => return Ok(shared.clone()),
        Phase::Ended(thread) if *thread == std::thread::current().id() => {
            return Err(PyRuntimeError::new_err("the interpreter ends; nothing can be asked any more"));
        }
        Phase::Ended(_) => {
            drop(state);
            return py.detach(|| rest());
        }
        Phase::New => {}
    }
    let runtime =
        Builder::new_multi_thread().worker_threads(THREADS).thread_name("hindsight").enable_all().build()?;
    let shared = Shared {
        handle: runtime.handle().clone(),
        ending: watch::Sender::new(false),
        waiting: Arc::default(),
    };
    state.phase = Phase::Running(runtime, shared.clone());
    Ok(shared)
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a thread that waits, until it has the interpreter's lock again.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
