//! What every request may use.

use std::ops::Deref;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::Invitation;
use rusqlite::Connection;

use crate::auth::Tokens;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::gate::Gate;
use crate::keys::Keys;
use crate::office::Office;
use crate::office::desk::Desk;
use crate::office::seen::Seen;
use crate::store::StoreError;
use crate::store::blobs::Blobs;
use crate::store::ship::halt::Halted;
use crate::store::sqlite::Sqlite;
use crate::store::vault::Vault;

/// The server's state, shared by all requests: one pointer, since each layer that a request passes clones it.
pub struct AppState<S = Sqlite>(Arc<State<S>>);

impl<S> Clone for AppState<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Deref for AppState<S> {
    type Target = State<S>;

    fn deref(&self) -> &State<S> {
        &self.0
    }
}

impl<S> From<State<S>> for AppState<S> {
    fn from(state: State<S>) -> Self {
        Self(Arc::new(state))
    }
}

/// What the state holds. Phones' routes ask nothing of the store but the contract; the console's read models are the
/// embedded store's.
pub struct State<S = Sqlite> {
    /// The log, its projections and the files.
    pub store: S,
    /// Where the office acts.
    pub office: Office<S>,
    /// The files.
    pub blobs: Blobs,
    /// The secrets.
    pub vault: Arc<Vault>,
    /// The supplier's keys.
    pub keys: Arc<Keys>,
    /// The office's clock.
    pub clock: Arc<dyn Clock>,
    /// Devices' tokens and challenges.
    pub tokens: Arc<Tokens>,
    /// Office users' sessions.
    pub desk: Arc<Desk>,
    /// What devices last said of themselves.
    pub seen: Arc<Seen>,
    /// How much may come at once.
    pub gate: Arc<Gate>,
    /// Whether the backup stands still.
    pub halted: Halted,
    /// How the server was started.
    pub config: Arc<Config>,
    /// The address that phones use.
    pub url: Arc<str>,
    /// SHA-256 of the server's TLS key (SubjectPublicKeyInfo), which phones pin.
    pub pin: Option<Sha>,
}

impl State {
    /// Reads in one consistent view, off the async threads, for at most two seconds.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.store.read(f).await
    }
}

impl<S> State<S> {
    /// What the QR code of a new phone holds.
    pub fn invitation(&self, code: String) -> Invitation {
        Invitation { url: self.url.to_string(), code, pin: self.pin, supplier: Some(self.keys.fingerprint()) }
    }

    /// The office's time.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }
}
