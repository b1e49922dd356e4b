//! What the worker may know of each record: 已保存 · 已发送 · 已备份; and for one that is stuck, why and what happens
//! next. The words promise what is true: sent = on the server's disk, safe = it survives the server's loss.

use rusqlite::Connection;

use super::obstacle::Obstacle;
use super::store::blob_row;
use super::store::enrolment::{self, Enrolment};
use super::store::outbox_row::{self, OutboxRow};
use super::trouble::Trouble;
use crate::domain::event::Event;
use crate::domain::show::event_label;
use crate::id::{OpId, VisitId};
use crate::time::Millis;
use crate::wire::OutcomeKind;

/// Something said in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// In both languages.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

/// How far a record has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordState {
    /// 已保存: on this phone's disk.
    Saved,
    /// 已发送: on the server's disk.
    Sent,
    /// 已备份: it survives the loss of the server.
    Safe,
}

impl RecordState {
    /// As shown.
    pub fn words(self) -> Words {
        match self {
            Self::Saved => Words::new("已保存", "saved"),
            Self::Sent => Words::new("已发送", "sent"),
            Self::Safe => Words::new("已备份", "safe"),
        }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordStatus {
    /// The operation.
    pub op: OpId,
    /// Its local order; the next page asks from here.
    pub n: u64,
    /// Its position in the log.
    pub seq: u64,
    /// The visit it is about.
    pub visit: Option<VisitId>,
    /// The event's name in the log.
    pub kind: String,
    /// What it is called.
    pub label: Words,
    /// It carries a signed record.
    pub signed: bool,
    /// When, as the phone's clock had it.
    pub claimed: Millis,
    /// How far it has come.
    pub state: RecordState,
    /// Its files.
    pub files: u32,
    /// Those the server has whole.
    pub files_whole: u32,
    /// What the server said of it, other than applied.
    pub outcome: Option<OutcomeKind>,
    /// Why it is not further, if something stands in its way.
    pub why: Option<Words>,
    /// What happens next.
    pub next: Words,
}

/// How the exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncState {
    /// Nobody is enrolled here.
    NotEnrolled,
    /// Nothing waits.
    Idle,
    /// Something waits for its turn.
    Waiting,
    /// An exchange is under way.
    Syncing,
    /// The last try did not come through; it is tried again.
    Retrying,
    /// A person has to act: enrol anew, ask the company.
    Stuck,
}

/// The exchange in a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncStatus {
    /// How it stands.
    pub state: SyncState,
    /// The same in words, with the reason.
    pub words: Words,
    /// The last try got through to nobody, or was turned away: what is recorded stays here. Not so where files alone wait.
    pub stopped: bool,
    /// The server's time of the last receipt.
    pub last_synced: Option<Millis>,
    /// Milliseconds until the next try, if one is set.
    pub next_try_in_ms: Option<u64>,
    /// Operations not yet acknowledged.
    pub ops_waiting: u64,
    /// Files not yet whole on the server.
    pub files_waiting: u64,
    /// Their bytes.
    pub bytes_waiting: u64,
    /// All up to here is on the server's disk.
    pub acked: u64,
    /// All up to here survives the server's loss.
    pub safe: u64,
    /// The log's last position.
    pub head: u64,
}

/// The status of one row of the log.
pub fn of_row(
    connection: &Connection,
    enrolment: &Enrolment,
    row: &OutboxRow,
    obstacle: Option<&Obstacle>,
) -> Result<RecordStatus, Trouble> {
    let mut whole = 0;
    for blob in &row.blobs {
        // One without a row was safe and is pruned, unless the server asks for it and its row was lost.
        let is_lost = obstacle.is_some_and(|obstacle| obstacle.files.contains(&blob.sha));
        whole += u32::from(!is_lost && blob_row::find(connection, blob.sha)?.is_none_or(|blob| blob.whole));
    }
    let files = u32::try_from(row.blobs.len()).unwrap_or(u32::MAX);
    let state = if outbox_row::safe_since(connection, row.n)?.is_some() {
        RecordState::Safe
    } else if row.device == enrolment.device && row.seq <= enrolment.acked {
        RecordState::Sent
    } else {
        RecordState::Saved
    };
    let outcome = outbox_row::outcome(connection, row.op)?;
    let event = Event::parse(&row.kind, &row.body);
    let (zh, en) = event_label(&event);
    let obstacle = obstacle.filter(|obstacle| obstacle.concerns(&row.blobs));
    let said = outcome.as_ref().map(|(kind, why)| (*kind, why.as_deref().unwrap_or_default()));
    let (why, next) = explain(state, files - whole, said, obstacle);
    Ok(RecordStatus {
        op: row.op,
        n: row.n,
        seq: row.seq,
        visit: row.visit,
        kind: row.kind.clone(),
        label: Words::new(zh, en),
        signed: matches!(event, Event::Signed(_) | Event::SignatureRefused(_) | Event::NoticeReceived(_)),
        claimed: Millis(row.t.wall_ms),
        state,
        files,
        files_whole: whole,
        outcome: outcome.map(|(kind, _)| kind),
        why,
        next,
    })
}

fn explain(
    state: RecordState,
    files_missing: u32,
    outcome: Option<(OutcomeKind, &str)>,
    obstacle: Option<&Obstacle>,
) -> (Option<Words>, Words) {
    let said = outcome.and_then(|outcome| match outcome {
        (OutcomeKind::Applied, _) => None,
        (OutcomeKind::Late, _) => Some(Words::new(
            "该服务已改派或取消，这条记录作为迟到资料由调度处理",
            "the visit had been given to another or cancelled; the dispatcher decides about this late record",
        )),
        (OutcomeKind::Held, "kind_unknown" | "rules_unknown") => Some(Words::new(
            "服务器暂时不能归档，服务器升级后自动处理",
            "the server can't place it yet; it will by itself once it is upgraded",
        )),
        (OutcomeKind::Held, _) => Some(Words::new(
            "服务器暂时不能归档，收到所属服务后自动处理",
            "the server can't place it yet; it will by itself once it knows the visit",
        )),
        (OutcomeKind::Quarantined, why) => Some(set_apart(why)),
    });
    let stopped = obstacle.map(|obstacle| obstacle.why.clone());
    match state {
        RecordState::Saved => {
            let next = obstacle.map_or_else(
                || Words::new("有网络时自动发送", "it is sent when there is a network"),
                |obstacle| obstacle.next.clone(),
            );
            (stopped.or(said), next)
        }
        RecordState::Sent if files_missing > 0 => {
            let waits = || {
                Words::new(
                    format!("还有 {files_missing} 个文件未送完"),
                    format!("{files_missing} files are still to be sent"),
                )
            };
            let unreadable = obstacle.filter(|obstacle| !obstacle.files.is_empty());
            (
                Some(unreadable.map_or_else(waits, |obstacle| obstacle.why.clone())),
                obstacle.map_or_else(
                    || Words::new("自动续传", "the upload goes on by itself"),
                    |obstacle| obstacle.next.clone(),
                ),
            )
        }
        RecordState::Sent => (
            said,
            Words::new(
                "等待公司异地备份，手机保留到备份完成",
                "waits for the off-site backup; the phone keeps it until then",
            ),
        ),
        RecordState::Safe if said.is_some() => {
            (said, Words::new("已备份，由公司处理，您无需操作", "safe; your company sees to it, nothing for you to do"))
        }
        RecordState::Safe => (None, Words::new("已完成，无需操作", "done; nothing to do")),
    }
}

/// What it means to the worker that a record does not count as it is.
fn set_apart(why: &str) -> Words {
    match why {
        "erased" => Words::new(
            "该住户的资料已依法删除，服务器只登记收到过这条记录",
            "what was known of this household was erased by law; the server notes no more than that this record came",
        ),
        "hand_in_overdue" => Words::new(
            "本机停用后超过补交期限才送到，服务器单独保存，等待人工核对",
            "it came after this dismissed phone's time to hand in was over: kept apart for a person to look at",
        ),
        "device_revoked" => Words::new(
            "本机挂失后才送到，服务器单独保存，等待人工核对",
            "it came after this phone was reported stolen: kept apart for a person to look at",
        ),
        "body_unreadable" => Words::new(
            "服务器读不懂这条记录，已单独保存，服务器升级后会再判读",
            "the server can't read this record: kept apart, and read again once the server is upgraded",
        ),
        _ => Words::new("服务器单独保存，等待人工核对", "kept apart for a person to look at"),
    }
}

/// The newest records from before `before`, newest first.
pub fn newest(
    connection: &Connection,
    before: Option<u64>,
    limit: u32,
    obstacle: Option<&Obstacle>,
) -> Result<Vec<RecordStatus>, Trouble> {
    let enrolment = enrolment::get(connection)?;
    let rows = outbox_row::newest(connection, before, limit)?;
    rows.iter().map(|row| of_row(connection, &enrolment, row, obstacle)).collect()
}

/// The records of a visit, oldest first.
pub fn of_visit(
    connection: &Connection,
    visit: VisitId,
    obstacle: Option<&Obstacle>,
) -> Result<Vec<RecordStatus>, Trouble> {
    let enrolment = enrolment::get(connection)?;
    let rows = outbox_row::of_visit(connection, visit)?;
    rows.iter().map(|row| of_row(connection, &enrolment, row, obstacle)).collect()
}

/// The word for a visit that left the phone's scope.
pub fn departed_words(why: &str) -> Words {
    match why {
        "reassigned" => {
            Words::new("已改派，您的记录会作为迟到资料送出", "Reassigned. Your records will be sent as late evidence.")
        }
        "cancelled" => Words::new("已取消，您的记录会照常送出", "Cancelled. Your records will be sent all the same."),
        _ => Words::new(
            "已不在您的任务中，您的记录会照常送出",
            "No longer among your tasks. Your records will be sent all the same.",
        ),
    }
}
