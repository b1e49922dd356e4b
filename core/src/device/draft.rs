//! Drafts: what is typed is saved at every change, and is there again after the app was killed.

use super::store::{Store, draft_row, enrolment};
use super::trouble::Trouble;
use super::{casefile, desk_view, mirror};
use crate::canon::envelope::BODY_LIMIT;
use crate::error::Refusal;
use crate::id::VisitId;
use crate::time::{Millis, Stamp};

/// Saves the draft of one form of a visit; on the disk when this returns. `body` is the screen's own JSON.
///
/// # Errors
/// `draft.too_large` beyond 256 KiB; the draft before it stays. `device.no_such_visit` once the visit is gone: nobody would
/// take the draft away any more.
pub fn save(store: &Store, visit: VisitId, form: &str, body: &str, now: Stamp) -> Result<(), Trouble> {
    if body.len() > BODY_LIMIT {
        return Err(Refusal::new(
            "draft.too_large",
            "",
            "内容过长（超过 256 KB），最近一次改动未保存；之前的内容都在。请删减文字。",
            "Too long (over 256 KB): the last change was not saved; what was there before is. Shorten it.",
        )
        .into());
    }
    store.write(|transaction| {
        if mirror::is_gone(transaction, visit)? {
            return Err(desk_view::no_such_visit().into());
        }
        // A clock that runs behind makes nothing older than the last word of the server.
        let synced = enrolment::find(transaction)?.and_then(|known| known.synced).unwrap_or(Millis(0));
        let at = casefile::now(transaction, now)?.best().max(synced);
        draft_row::put(transaction, visit, form, body, at.0)
    })
}

/// The draft of one form, if there is one.
pub fn load(store: &Store, visit: VisitId, form: &str) -> Result<Option<String>, Trouble> {
    store.read(|connection| draft_row::find(connection, visit, form))
}

/// The forms of a visit that have a draft.
pub fn forms(store: &Store, visit: VisitId) -> Result<Vec<String>, Trouble> {
    store.read(|connection| draft_row::forms(connection, visit))
}

/// Forgets the draft of one form.
pub fn discard(store: &Store, visit: VisitId, form: &str) -> Result<(), Trouble> {
    store.write(|transaction| draft_row::delete(transaction, visit, form))
}
