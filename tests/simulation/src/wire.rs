//! The network between a phone and the server, with everything it does to a request and to its answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::store::{Store, enrolment};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::wire::SyncRequest;

use crate::act::{self, Actor};
use crate::dice::Dice;
use crate::far::{Far, Handled};
use crate::plan::{Fault, Faults};

/// Requests that are kept to arrive again, and answers to be given again.
const KEPT: usize = 8;
/// The longest a request or an answer is under way, milliseconds; nine in ten are a tenth of it at most.
const LONGEST_MS: i64 = 8_000;

/// The way of one phone's run.
pub struct Wire {
    /// The other side.
    pub far: Arc<Mutex<Far>>,
    /// This side.
    pub near: Mutex<Near>,
}

/// What happens on the phone while it waits.
pub struct Near {
    /// Where choices come from.
    pub dice: Dice,
    /// What may go wrong.
    pub faults: Faults,
    /// Calls in a thousand to which something happens; 0 = a calm network.
    pub rate: u32,
    /// The phone's store.
    pub store: Arc<Store>,
    /// Its clocks.
    pub clock: Arc<SoftwareClock>,
    /// Who has it in hand.
    pub actor: Actor,
}

/// Locks, whatever ended while it was locked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport for Wire {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        let mut near = lock(&self.near);
        let mut far = lock(&self.far);
        far.tally.step("request");
        let fault = near.roll(call);
        if let Some(fault) = fault {
            far.tally.fault(fault);
            far.tell(|_| format!("    {} {}: {}", call.method, call.path, fault.name()));
        }
        far.pass(near.latency());
        match fault {
            Some(Fault::LostRequest) => return silence(),
            Some(Fault::Portal) => return Ok(page(200)),
            Some(Fault::BadGateway) => return Ok(page(502)),
            _ => {}
        }
        near.meanwhile(&mut far, 100);
        let answer = near.arrive(&mut far, call, fault);
        far.pass(near.latency());
        let Some(mut answer) = answer else { return silence() };
        far.tally.step("answer");
        match fault {
            Some(Fault::LostReply) => return silence(),
            Some(Fault::Truncated) => {
                let at = near.dice.below(answer.body.len());
                answer.body.truncate(at);
            }
            Some(Fault::OtherReply) => {
                let old = far.replies[near.dice.below(far.replies.len())..].first().cloned();
                answer.body = old.unwrap_or_default();
            }
            _ => {}
        }
        near.meanwhile(&mut far, 60);
        Ok(answer)
    }
}

fn silence() -> Result<Answer, Unreachable> {
    Err(Unreachable::NoAnswer("silence".to_owned()))
}

fn page(status: u16) -> Answer {
    Answer { status, body: b"<html><body>Welcome. Please log in.</body></html>".to_vec(), ..Answer::default() }
}

impl Near {
    fn latency(&mut self) -> u64 {
        let longest = if self.dice.chance(100) { LONGEST_MS } else { LONGEST_MS / 10 };
        self.dice.between(5, longest) as u64 / 2
    }

    /// The worker goes on while the phone waits.
    fn meanwhile(&mut self, far: &mut Far, rate: u32) {
        let store = &self.store;
        let enrolled = || store.read::<_, Trouble>(enrolment::find).is_ok_and(|known| known.is_some());
        if self.rate > 0 && self.dice.chance(rate) && enrolled() {
            let mut dice = Dice::new(self.dice.draw(), 1);
            act::make(&self.store, &self.clock, self.actor, far, &mut dice);
        }
    }

    /// What happens to a call, if anything.
    fn roll(&mut self, call: &Call) -> Option<Fault> {
        if !self.dice.chance(self.rate) {
            return None;
        }
        let sync = [
            Fault::LostRequest,
            Fault::LostReply,
            Fault::Duplicate,
            Fault::OtherReply,
            Fault::Truncated,
            Fault::Portal,
            Fault::BadGateway,
        ];
        let upload = [Fault::LostReply, Fault::CutUpload, Fault::FlippedByte, Fault::Duplicate, Fault::BadGateway];
        let other = [Fault::LostRequest, Fault::LostReply, Fault::Truncated, Fault::Portal];
        let of: &[Fault] = match (call.method, call.path.as_str()) {
            (_, "/v1/sync") => &sync,
            ("PATCH", _) => &upload,
            _ => &other,
        };
        self.dice.pick(of).copied().filter(|fault| self.faults.has(*fault))
    }

    /// The call arrives at the server, as often and as whole as the network lets it.
    fn arrive(&mut self, far: &mut Far, call: &Call, fault: Option<Fault>) -> Option<Answer> {
        let cut = (fault == Some(Fault::CutUpload)).then(|| self.dice.below(call.body.len() + 1));
        let mut call = call.clone();
        if fault == Some(Fault::FlippedByte) && !call.body.is_empty() {
            let at = self.dice.below(call.body.len());
            call.body[at] ^= 0x40;
        }
        let mut answer = deliver(far, &call, cut);
        if fault == Some(Fault::Duplicate) {
            let again = deliver(far, &call, cut);
            if self.dice.chance(500) {
                answer = again;
            }
        }
        if call.path == "/v1/sync" && self.rate > 0 {
            let at = self.dice.below(KEPT);
            let now = far.now();
            keep(&mut far.ghosts, at, (now, call));
            if let Some(answer) = answer.as_ref().filter(|answer| answer.status == 200) {
                keep(&mut far.replies, at, answer.body.clone());
            }
        }
        if cut.is_some() { None } else { answer }
    }
}

fn keep<T>(among: &mut Vec<T>, at: usize, one: T) {
    if among.len() < KEPT { among.push(one) } else { among[at] = one }
}

/// One arrival at the server, looked at from outside.
pub fn deliver(far: &mut Far, call: &Call, cut: Option<usize>) -> Option<Answer> {
    let request: Option<SyncRequest> =
        (call.path == "/v1/sync").then(|| serde_json::from_slice(&call.body).expect("a phone's own request"));
    let before = request.as_ref().map(|request| far.standing(request)).unwrap_or_default();
    let answer = match far.handle(call, cut) {
        Handled::Answer(answer) => Some(answer),
        Handled::Ended | Handled::Down => None,
    };
    if let Some(request) = &request {
        far.exchanged(request, &before, answer.as_ref());
    }
    if let Some(answer) = answer.as_ref().filter(|_| cut.is_none()) {
        far.answered(call, answer);
    }
    answer
}
