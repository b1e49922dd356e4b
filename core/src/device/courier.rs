//! Carries an exchange over a transport: keeps a token, syncs until both sides have nothing more, sends files
//! from where the server's copy ends. What an answer means is decided in [`super::sync`].

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blob;
use super::clock::Clock;
use super::outbox;
use super::store::{Store, blob_row, enrolment};
use super::sync::{self, Applied, NotAReceipt, Speaker};
use super::trouble::Trouble;
use crate::canon::hash::Sha;
use crate::drill;
use crate::record::{DeviceKey, KeyError, sign_low_s};
use crate::wire::auth::{ChallengeReply, ChallengeRequest, TokenReply, TokenRequest, b64, challenge_bytes};
use crate::wire::dictionary::Dictionary;
use crate::wire::upload;

/// A call to the server.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// `GET`, `POST`, `HEAD`, `PATCH`.
    pub method: &'static str,
    /// From the server's root: `/v1/sync`.
    pub path: String,
    /// The device's token.
    pub token: Option<String>,
    /// Headers beyond the ordinary ones.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The body is JSON.
    pub json: bool,
    /// The body may be compressed on its way.
    pub pack: bool,
    /// The id of a dictionary that it may be compressed with: the server said that it has it.
    pub dictionary: Option<u32>,
}

/// What came back. Anybody may have sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Retry-After`, seconds.
    pub retry_after_s: Option<u32>,
    /// [`upload::OFFSET`].
    pub upload_offset: Option<u64>,
    /// [`upload::COMPLETE`], and that the file is whole.
    pub upload_complete: bool,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No network, no server, or not in time.
    #[error("unreachable: {0}")]
    NoAnswer(String),
    /// There is a way, but it took too long.
    #[error("too slow")]
    Slow,
    /// Somebody answered who can't show the server's key.
    #[error("not our server: {0}")]
    Untrusted(String),
}

/// A way to the server.
pub trait Transport: Send + Sync {
    /// Makes one call. Never follows a redirect.
    ///
    /// # Errors
    /// When nothing came back, or from a stranger.
    fn call(&self, call: &Call) -> Result<Answer, Unreachable>;

    /// Somebody waits: a call under way that lasts as if nothing came through is given up as [`Unreachable::Slow`], so that
    /// another try may be made. Changes nothing for later ones.
    fn hurry(&self) {}
}

/// Why an exchange stopped. Nothing is lost by any of them.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// No answer.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The server is busy.
    #[error("busy")]
    Busy {
        /// Seconds it asked to be left alone.
        retry_after_s: Option<u32>,
    },
    /// An answer that is no receipt.
    #[error("not a receipt: {0:?}")]
    NotAReceipt(NotAReceipt),
    /// The server does not let this device in: revoked, unknown.
    #[error("refused by the server: {code}")]
    Refused {
        /// The problem's code.
        code: String,
    },
    /// The device's key does not sign.
    #[error("key: {0}")]
    Key(KeyError),
    /// The phone itself.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// What one run did.
#[derive(Debug, Default)]
pub struct Run {
    /// The last exchange's result.
    pub applied: Applied,
    /// Exchanges made.
    pub exchanges: u32,
    /// Files that became whole on the server.
    pub files_sent: u32,
    /// Bytes of files sent.
    pub file_bytes: u64,
    /// Files that the server wants and this phone can't read any more. They stopped nothing else.
    pub unreadable: Vec<Sha>,
    /// Why the rest of the files waits. Records went, and go again before it is over.
    pub files_wait: Option<Stop>,
}

/// What the server gave this device to be let in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The token.
    pub token: String,
    /// The id of the dictionary that exchanges are packed with; `None` where the server has none of ours.
    pub dictionary: Option<u32>,
}

/// The courier of one enrolment.
pub struct Courier<'a> {
    /// The phone's store.
    pub store: &'a Store,
    /// The device's key.
    pub key: &'a dyn DeviceKey,
    /// The clocks.
    pub clock: &'a dyn Clock,
    /// What the phone says of itself.
    pub speaker: &'a Speaker,
    /// The way.
    pub transport: &'a dyn Transport,
    /// What it is let in with, kept between runs.
    pub pass: &'a Mutex<Option<Pass>>,
    /// Bytes of operations that an exchange may carry: less on a slow link.
    pub load: &'a AtomicUsize,
}

/// Bytes of a file sent with one PATCH.
const PIECE: usize = 1024 * 1024;
/// Exchanges one run makes at most, against a server that always has more.
const EXCHANGES: u32 = 200;
const DOUBTFUL_FILES: usize = 64;
/// How a refusal reads that says no operation of this phone names the file: an answer to HEAD has no body, and no code.
const UNKNOWN_FILE: &str = "http_404";

impl Courier<'_> {
    /// Exchanges until nothing waits on either side, then sends the files the server asks for and exchanges once more,
    /// so that what the worker sees is the server's word. What is recorded meanwhile goes before the next file.
    ///
    /// # Errors
    /// What stopped an exchange, the phone itself, or that it is let in no more; everything taken in before stays. What
    /// keeps files waiting is in [`Run`].
    pub fn run(&self) -> Result<Run, Stop> {
        let mended = self.store.mended();
        match self.once() {
            // What is damaged is left behind, and nothing else: wherever the run met it.
            Err(Stop::Trouble(Trouble::Damaged(_))) if self.store.mend(mended)? => self.once(),
            done => done,
        }
    }

    fn once(&self) -> Result<Run, Stop> {
        let mut run = Run::default();
        loop {
            run.applied = self.exchange()?;
            run.exchanges += 1;
            if run.applied.more && self.store.read(outbox::has_gap)? {
                self.store.write(outbox::close_gap)?;
            }
            if run.applied.more && run.exchanges < EXCHANGES {
                continue;
            }
            let before = run.files_sent;
            match self.send_files(&mut run) {
                Ok(()) => {}
                Err(stop @ (Stop::Unreachable(_) | Stop::Busy { .. } | Stop::NotAReceipt(_))) => {
                    run.files_wait = Some(stop);
                    return Ok(run);
                }
                Err(stop) => return Err(stop),
            }
            let done = run.files_sent == before && !sync::has_unsent(self.store)?;
            if done || run.exchanges >= EXCHANGES {
                return Ok(run);
            }
        }
    }

    /// Asks to be let in, and for nothing else. Says whether the company has dismissed this phone.
    ///
    /// # Errors
    /// Why it is not let in, as far as that was heard.
    pub fn knock(&self) -> Result<bool, Stop> {
        Ok(self.admitted()?.dismissed)
    }

    /// One exchange.
    fn exchange(&self) -> Result<Applied, Stop> {
        // The server takes the request's arrival for a bound of this clock: it is read last, after a token is there.
        let mut asked = None;
        let load = self.load.load(Ordering::Relaxed);
        let answer = self.authorised(|| {
            let request = sync::next_request(self.store, self.speaker, self.clock.stamp(), load)?;
            let body = serde_json::to_vec(asked.insert(request)).map_err(Trouble::damaged)?;
            Ok(Call { method: "POST", path: "/v1/sync".into(), body, json: true, pack: true, ..Call::default() })
        });
        let brought = asked.as_ref().is_some_and(|request| !request.ops.is_empty());
        if brought && matches!(answer, Err(Stop::Unreachable(Unreachable::Slow))) {
            self.load.store(sync::lighter(load), Ordering::Relaxed);
        }
        let answer = answer?;
        let received = self.clock.stamp();
        let Some(request) = asked else { return Err(Stop::NotAReceipt(NotAReceipt::OtherRequest)) };
        let reply = sync::read_reply(&answer.body).map_err(Stop::NotAReceipt)?;
        let applied = sync::apply_reply(self.store, self.speaker, &request, &reply, received)?;
        if applied.is_ok() {
            self.load.store(sync::heavier(load), Ordering::Relaxed);
        }
        applied.map_err(Stop::NotAReceipt)
    }

    fn send_files(&self, run: &mut Run) -> Result<(), Stop> {
        let need = run.applied.need.clone();
        let mut tried: BTreeSet<Sha> = run.unreadable.iter().copied().collect();
        for wanted in &need {
            if tried.insert(wanted.sha) {
                self.send_file(run, wanted.sha, wanted.off)?;
            }
        }
        loop {
            let doubtful = sync::files_in_doubt(self.store, &tried, DOUBTFUL_FILES)?;
            self.ask_for(run, &doubtful)?;
            if doubtful.len() < DOUBTFUL_FILES || sync::has_unsent(self.store)? {
                return Ok(());
            }
            // Each has its turn in this run, whatever becomes of those before it: after a restore all may be there already.
            tried.extend(doubtful);
        }
    }

    /// Asks how much the server has of files, and sends the rest of each, while there is nothing else to send.
    fn ask_for(&self, run: &mut Run, files: &[Sha]) -> Result<(), Stop> {
        for sha in files.iter().copied() {
            if sync::has_unsent(self.store)? {
                return Ok(());
            }
            let head = Call { method: "HEAD", path: format!("/v1/blobs/{sha}"), ..Call::default() };
            match self.authorised(|| Ok(head.clone())) {
                Ok(answer) if answer.upload_complete => sync::file_is_whole(self.store, sha)?,
                Ok(answer) => {
                    // A page without the offset is not our server's word; to believe it would send the file again.
                    let offset = answer.upload_offset.ok_or(Stop::NotAReceipt(NotAReceipt::Unreadable))?;
                    self.send_file(run, sha, offset)?;
                }
                Err(Stop::Refused { code }) if code == UNKNOWN_FILE => sync::file_is_unknown(self.store, sha)?,
                // The server does not know that it wants this file; its next work list will name it.
                Err(Stop::Refused { .. }) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Sends a file from the server's offset on, while there is nothing else to send. Where it does not become whole, the
    /// next round goes on.
    fn send_file(&self, run: &mut Run, sha: Sha, from: u64) -> Result<(), Stop> {
        let Some(row) = self.store.read(|connection| blob_row::find(connection, sha))? else {
            run.unreadable.push(sha);
            return Ok(());
        };
        let (mut offset, mut sent, mut corrections) = (from.min(row.len), 0, 0);
        while !sync::has_unsent(self.store)? {
            let rest = match blob::load_from(self.store, &row, offset) {
                Ok(rest) => rest,
                // This file's own flaw, and no other's. What ails the whole disk ails the database, and stops the run there.
                Err(Trouble::Damaged(_) | Trouble::Unread(_)) => {
                    run.unreadable.push(sha);
                    return Ok(());
                }
                Err(trouble) => return Err(trouble.into()),
            };
            let piece = &rest[..rest.len().min(drill::limit(drill::Limit::Piece, PIECE))];
            let call = Call {
                method: "PATCH",
                path: format!("/v1/blobs/{sha}"),
                headers: vec![
                    (upload::OFFSET, offset.to_string()),
                    (upload::LENGTH, row.len.to_string()),
                    ("content-type", upload::PIECE_TYPE.to_owned()),
                ],
                body: piece.to_vec(),
                ..Call::default()
            };
            let answer = match self.authorised(|| Ok(call.clone())) {
                Ok(answer) => answer,
                Err(Stop::Refused { .. }) => return Ok(()),
                Err(stop) => return Err(stop),
            };
            if answer.upload_complete {
                sync::file_is_whole(self.store, sha)?;
                run.files_sent += 1;
                run.file_bytes += sent + piece.len() as u64;
                return Ok(());
            }
            let Some(told) = answer.upload_offset else {
                return Err(Stop::NotAReceipt(NotAReceipt::Unreadable));
            };
            let told = told.min(row.len);
            if answer.status == 204 && told > offset {
                sent += told - offset;
            } else {
                corrections += 1;
                if corrections > 3 {
                    return Ok(());
                }
            }
            offset = told;
        }
        Ok(())
    }

    /// A call with the device's token; a token that is no longer taken is renewed once. What is refused packed with a
    /// dictionary is sent again without it.
    fn authorised(&self, mut call: impl FnMut() -> Result<Call, Stop>) -> Result<Answer, Stop> {
        let mut renewed = false;
        let mut renew = false;
        loop {
            let pass = self.pass(std::mem::take(&mut renew))?;
            let call = call()?;
            let dictionary = pass.dictionary.filter(|_| call.pack);
            let call = Call { token: Some(pass.token), dictionary, ..call };
            let blob = call.path.starts_with("/v1/blobs/");
            let answer = self.transport.call(&call)?;
            match answer.status {
                200 => return Ok(answer),
                204 | 409 if blob => return Ok(answer),
                401 if !renewed => (renewed, renew) = (true, true),
                _ => match stop_of(&answer) {
                    Stop::Refused { code } if dictionary.is_some() && code.starts_with("sync.") => self.do_without(),
                    stop => return Err(stop),
                },
            }
        }
    }

    /// The server was put back to a release that has no such dictionary, or can't use it after all: until the next token
    /// nothing more is packed with one.
    fn do_without(&self) {
        if let Some(pass) = self.pass.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            pass.dictionary = None;
        }
    }

    fn pass(&self, renew: bool) -> Result<Pass, Stop> {
        let mut kept = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(pass), false) = (kept.as_ref(), renew) {
            return Ok(pass.clone());
        }
        let reply = self.admitted()?;
        let dictionary = Dictionary::among(&reply.enc).map(|dictionary| dictionary.id);
        Ok(kept.insert(Pass { token: reply.token, dictionary }).clone())
    }

    fn admitted(&self) -> Result<TokenReply, Stop> {
        let enrolment = self.store.read(enrolment::get)?;
        match self.ask_token(&enrolment, false) {
            // The server may have been restored to before this phone was enrolled: its own certificate says so.
            Err(Stop::Refused { code }) if code == "token.refused" => self.ask_token(&enrolment, true),
            asked => asked,
        }
    }

    fn ask_token(&self, enrolment: &enrolment::Enrolment, introduce: bool) -> Result<TokenReply, Stop> {
        let device = enrolment.device;
        let challenge: ChallengeReply = post(self.transport, "/v1/challenge", &ChallengeRequest { device })?;
        let signature = sign_low_s(self.key, &challenge_bytes(device, &challenge.nonce)).map_err(Stop::Key)?;
        let request = TokenRequest {
            device,
            nonce: challenge.nonce,
            signature: b64(&signature),
            certificate: introduce.then(|| enrolment.certificate.clone()),
            continues: if introduce { enrolment.continues.clone() } else { Vec::new() },
            certificates: if introduce { enrolment.certificates.clone() } else { Vec::new() },
        };
        post(self.transport, "/v1/token", &request)
    }
}

pub(super) fn post<Q: serde::Serialize, A: serde::de::DeserializeOwned>(
    transport: &dyn Transport,
    path: &str,
    request: &Q,
) -> Result<A, Stop> {
    let body = serde_json::to_vec(request).map_err(Trouble::damaged)?;
    let answer =
        transport.call(&Call { method: "POST", path: path.to_owned(), body, json: true, ..Call::default() })?;
    if answer.status != 200 && answer.status != 201 {
        return Err(stop_of(&answer));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Stop::NotAReceipt(NotAReceipt::Unreadable))
}

/// What a status other than success means. Only problem JSON of ours refuses; a portal's 403 is no word of the server.
pub(super) fn stop_of(answer: &Answer) -> Stop {
    #[derive(serde::Deserialize)]
    struct Problem {
        code: String,
    }
    match answer.status {
        429 | 500..=599 => Stop::Busy { retry_after_s: answer.retry_after_s },
        400..=499 => match serde_json::from_slice::<Problem>(&answer.body) {
            Ok(problem) => Stop::Refused { code: problem.code },
            // A HEAD's answer has no body to tell a reason in.
            Err(_) if answer.body.is_empty() => Stop::Refused { code: format!("http_{}", answer.status) },
            Err(_) => Stop::NotAReceipt(NotAReceipt::Unreadable),
        },
        _ => Stop::NotAReceipt(NotAReceipt::Unreadable),
    }
}
