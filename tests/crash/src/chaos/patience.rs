//! A phone's way to the server that gives up when the proxy says that it now holds the call: a timeout without a
//! clock.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::http::{Http, Trust};
use nuanfang_core::error::Refusal;

type Waiting = Sender<Result<Answer, Unreachable>>;

/// Where the proxy finds who waits.
#[derive(Clone, Default)]
pub(super) struct GivenUp(Arc<Mutex<Option<Waiting>>>);

impl GivenUp {
    /// Whoever waits, waits no longer.
    pub(super) fn tell(&self) {
        if let Some(waiting) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // He has his answer already.
            let _ = waiting.send(Err(Unreachable::NoAnswer("timed out".into())));
        }
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
        *self.given_up.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
        let (http, call) = (Arc::clone(&self.http), call.clone());
        std::thread::spawn(move || {
            // Nobody waits any more.
            let _ = sender.send(http.call(&call));
        });
        receiver.recv().unwrap_or_else(|_| Err(Unreachable::NoAnswer("no answer".into())))
    }
}
