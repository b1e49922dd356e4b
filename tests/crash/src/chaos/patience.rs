//! A phone's way to the server that gives up when the proxy says that it now holds the call: a timeout without a
//! clock. At the proxy's word the app that calls ends there, too.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::http::{Http, Trust};
use nuanfang_core::error::Refusal;

/// What whoever waits is told.
enum Told {
    Answer(Result<Answer, Unreachable>),
    End,
}

type Waiting = Sender<Told>;

/// Where the proxy finds who waits.
#[derive(Clone, Default)]
pub(super) struct GivenUp {
    waiting: Arc<Mutex<Option<Waiting>>>,
    ended: Arc<AtomicBool>,
}

impl GivenUp {
    /// Whoever waits, waits no longer.
    pub(super) fn tell(&self) {
        self.say(Told::Answer(Err(Unreachable::NoAnswer("timed out".into()))));
    }

    /// Whoever waits ends where he is.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.say(Told::End);
    }

    /// Whether the app was ended since this was last asked.
    pub(super) fn take_ended(&self) -> bool {
        self.ended.swap(false, Ordering::Relaxed)
    }

    fn say(&self, told: Told) {
        if let Some(waiting) = self.waiting().take() {
            // He has his answer already.
            let _ = waiting.send(told);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// HTTP with that patience.
pub(super) struct Impatient {
    http: Arc<Http>,
    given_up: GivenUp,
}

impl Impatient {
    pub(super) fn new(url: &str, trust: &Trust, given_up: GivenUp) -> Result<Self, Refusal> {
        Ok(Self { http: Arc::new(Http::new(url, trust)?), given_up })
    }
}

impl Transport for Impatient {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        let (sender, receiver) = mpsc::channel();
        *self.given_up.waiting() = Some(sender.clone());
        let (http, call) = (Arc::clone(&self.http), call.clone());
        std::thread::spawn(move || {
            // Nobody waits any more.
            let _ = sender.send(Told::Answer(http.call(&call)));
        });
        match receiver.recv() {
            Ok(Told::Answer(answer)) => answer,
            // Not a step further, as little as a process that is gone; nothing is said of it as of a panic.
            Ok(Told::End) => resume_unwind(Box::new("the app ends")),
            Err(_) => Err(Unreachable::NoAnswer("no answer".into())),
        }
    }
}
