//! What stands between a record and the server, in words for the worker: what it is, and what happens next.

use super::courier::{Stop, Unreachable};
use super::http::OTHER_DATES;
use super::status::Words;
use super::sync::NotAReceipt;
use super::trouble::Trouble;
use crate::canon::envelope::BlobRef;
use crate::canon::hash::Sha;
use crate::error::Refusal;
use crate::record::KeyError;

/// Why the last try stopped, or which files it left behind: kept to explain what is stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Stable, for programs: `sync.no_network`.
    pub code: String,
    /// What it is.
    pub why: Words,
    /// What happens next.
    pub next: Words,
    /// Only a person can clear it.
    pub needs_person: bool,
    /// The files that it keeps here; none: it stands before everything.
    pub files: Vec<Sha>,
}

/// The code of an obstacle that stands in the way of nothing that is here.
pub(super) const RECORDS_LOST: &str = "device.records_lost";

/// What the server says to a phone that the company has revoked.
const REVOKED: &str = "device_revoked";

impl Obstacle {
    /// Whether it stands between the server and an operation that names these files.
    pub fn concerns(&self, blobs: &[BlobRef]) -> bool {
        self.files.is_empty() || blobs.iter().any(|blob| self.files.contains(&blob.sha))
    }
}

impl From<&Obstacle> for Refusal {
    fn from(obstacle: &Obstacle) -> Self {
        let (why, next) = (&obstacle.why, &obstacle.next);
        Self::new(
            &*obstacle.code,
            "",
            format!("{}；{}。记录都在本机。", why.zh, next.zh),
            format!("{}; {}. All records are on this phone.", why.en, next.en),
        )
    }
}

/// Whether the server said with this that the company has revoked the phone.
pub fn is_revocation(stop: &Stop) -> bool {
    matches!(stop, Stop::Refused { code } if code == REVOKED)
}

/// What that means to the worker, whatever a later try met.
pub fn of_revocation() -> Obstacle {
    refused(REVOKED)
}

/// What it means to the worker that this phone may only hand in what it holds.
pub fn of_dismissal() -> Obstacle {
    Obstacle {
        code: "device.dismissed".to_owned(),
        why: Words::new("公司不再向本机派工", "the company gives this phone no more work"),
        next: Words::new(
            "已有的记录仍会照常送出；要继续工作，请向主管索取新的登记码重新登记",
            "what is recorded still goes out; to work on, ask your supervisor for a new code and enrol anew",
        ),
        needs_person: true,
        files: Vec::new(),
    }
}

/// What it means to the worker that his code could not be traded: nobody tries again but himself.
pub fn of_enrolling(stop: &Stop) -> Obstacle {
    let mut obstacle = of(stop);
    let next = match stop {
        Stop::Unreachable(Unreachable::NoAnswer(_) | Unreachable::Slow) | Stop::Busy { .. } | Stop::NotAReceipt(_) => {
            Some(Words::new(
                "请稍后在有网络的地方再点一次登记，登记码仍可使用",
                "try once more where there is a network; the code is still good",
            ))
        }
        Stop::Key(KeyError::Locked) => Some(Words::new(
            "请解锁手机后再点一次登记，登记码仍可使用",
            "unlock the phone and try once more; the code is still good",
        )),
        Stop::Trouble(trouble) if trouble.is_disk_full() => Some(Words::new(
            "请清理空间后再点一次登记，登记码仍可使用",
            "make room and try once more; the code is still good",
        )),
        Stop::Key(KeyError::Unavailable { .. })
        | Stop::Trouble(Trouble::Sqlite(_) | Trouble::Io(_) | Trouble::Unread(_)) => {
            Some(Words::new("请稍后再点一次登记，登记码仍可使用", "try once more; the code is still good"))
        }
        _ => None,
    };
    obstacle.next = next.unwrap_or(obstacle.next);
    obstacle
}

/// What it means to the worker that the platform has lost the key this phone was enrolled with.
pub fn of_lost_key() -> Obstacle {
    of(&Stop::Key(KeyError::Gone))
}

/// What it means to the worker that records which the server did not have can't be read any more; nothing where none are lost.
pub fn of_lost_records(count: u64) -> Option<Obstacle> {
    (count > 0).then(|| Obstacle {
        code: RECORDS_LOST.to_owned(),
        why: Words::new(
            format!("本机存储有损坏，{count} 条还没发送的记录已无法读取，其他记录都在，照常发送"),
            format!(
                "this phone's storage is damaged: {count} records that were not sent can't be read any more; all others are here and are sent"
            ),
        ),
        next: Words::new(
            "请不要卸载应用；核对最近的记录，缺少的请补做，并告诉调度",
            "don't uninstall; look through your latest records, do again what is missing, and tell your dispatcher",
        ),
        needs_person: true,
        files: Vec::new(),
    })
}

/// What files mean to the worker that can't be read any more; nothing where all can.
pub fn of_unreadable(files: &[Sha]) -> Option<Obstacle> {
    if files.is_empty() {
        return None;
    }
    let names = |between| files.iter().map(Sha::short).collect::<Vec<_>>().join(between);
    Some(Obstacle {
        code: "sync.unreadable_file".to_owned(),
        why: Words::new(
            format!("本机有 {} 个照片或签名文件已无法读取（{}），其他资料照常发送", files.len(), names("、")),
            format!(
                "{} photos or signatures on this phone can't be read any more ({}); everything else is sent",
                files.len(),
                names(", ")
            ),
        ),
        next: Words::new(
            "请不要卸载应用；还在现场的请重新拍摄，并联系调度",
            "don't uninstall; if you are still there take the photo again, and tell your dispatcher",
        ),
        needs_person: true,
        files: files.to_vec(),
    })
}

/// What a stop means to the worker.
pub fn of(stop: &Stop) -> Obstacle {
    let again = || Words::new("会自动重试", "it is tried again by itself");
    let ask = || Words::new("请联系调度", "ask your dispatcher");
    let enrol = || {
        Words::new(
            "请向主管索取新的登记码，登记后未备份的记录会自动重新送出",
            "ask your supervisor for a new enrolment code; what is not safe is then sent again by itself",
        )
    };
    let (code, why, next, needs_person) = match stop {
        Stop::Unreachable(Unreachable::NoAnswer(_)) => (
            "no_network",
            Words::new("没有网络，或服务器没有应答", "no network, or the server does not answer"),
            Words::new("有网络时自动发送", "it is sent when there is a network"),
            false,
        ),
        Stop::Unreachable(Unreachable::Slow) => (
            "slow_network",
            Words::new("网络太慢，没有传完", "the network is too slow, it did not get through in time"),
            Words::new("会自动分成更小的部分再送", "it is tried again by itself, in smaller parts"),
            false,
        ),
        Stop::Unreachable(Unreachable::Untrusted(why)) if why == OTHER_DATES => (
            "other_dates",
            Words::new(
                "服务器证书的日期与本机时间不符，没有发送任何内容",
                "the server's certificate does not hold at this phone's date and time; nothing was sent",
            ),
            Words::new(
                "请检查手机的日期和时间是否正确；正确时请换一个网络，一直如此请联系调度",
                "check the phone's date and time; if they are right use another network, and if it stays so ask your dispatcher",
            ),
            false,
        ),
        Stop::Unreachable(Unreachable::Untrusted(_)) => (
            "untrusted",
            Words::new(
                "当前网络上的服务器无法证明身份，没有发送任何内容",
                "the server on this network can't prove who it is; nothing was sent",
            ),
            Words::new("请换一个网络；一直如此请联系调度", "use another network; if it stays so, ask your dispatcher"),
            false,
        ),
        Stop::Busy { .. } => ("busy", Words::new("服务器繁忙", "the server is busy"), again(), false),
        Stop::NotAReceipt(NotAReceipt::Forked) => (
            "forked",
            Words::new(
                "本机资料曾被复制或恢复，需要重新登记本机",
                "this phone's data was copied or restored; it must be enrolled anew",
            ),
            enrol(),
            true,
        ),
        Stop::NotAReceipt(NotAReceipt::OlderEpoch) => (
            "older_server",
            Words::new("连到了一台旧的服务器，没有当作已发送", "an older server answered; nothing counts as sent"),
            ask(),
            true,
        ),
        Stop::NotAReceipt(_) => (
            "not_our_answer",
            Words::new(
                "收到的不是公司服务器的回执（可能需要先登录该网络）",
                "the answer is no receipt of the company's server (the network may want a login)",
            ),
            again(),
            false,
        ),
        Stop::Refused { code } => return refused(code),
        Stop::Key(KeyError::Gone | KeyError::Wrong) => (
            "key_lost",
            Words::new(
                "本机的签名密钥已失效，需要重新登记本机",
                "this phone's signing key is lost; it must be enrolled anew",
            ),
            enrol(),
            true,
        ),
        Stop::Key(KeyError::Locked) => (
            "key_locked",
            Words::new("签名密钥已锁定", "the signing key is locked"),
            Words::new("解锁手机后自动发送", "it is sent once the phone is unlocked"),
            false,
        ),
        Stop::Key(KeyError::Unavailable { why }) => (
            "key",
            Words::new(format!("签名密钥暂不可用（{why}）"), format!("the key does not sign: {why}")),
            again(),
            false,
        ),
        Stop::Trouble(Trouble::Damaged(why)) => {
            return Obstacle {
                code: "device.damaged".to_owned(),
                why: Words::new(
                    format!("本机资料读取异常（{}）", why.zh),
                    format!("the phone's records can't be read as written ({})", why.en),
                ),
                next: Words::new(
                    "请不要卸载应用，联系公司导出资料",
                    "don't uninstall; ask your company to rescue them",
                ),
                needs_person: true,
                files: Vec::new(),
            };
        }
        Stop::Trouble(Trouble::BrokeOff(why)) => (
            "broke_off",
            Words::new(format!("应用出现意外（{why}）"), format!("the app broke off ({why})")),
            Words::new("会自动重试；一直如此请联系调度", "it is tried again; if it stays so, ask your dispatcher"),
            false,
        ),
        Stop::Trouble(trouble) => {
            let words = words_of(trouble);
            ("phone", words, again(), false)
        }
    };
    Obstacle { code: format!("sync.{code}"), why, next, needs_person, files: Vec::new() }
}

fn words_of(trouble: &Trouble) -> Words {
    if trouble.is_disk_full() {
        return Words::new("手机存储空间已满", "the phone's storage is full");
    }
    match trouble {
        Trouble::NotEnrolled => Words::new("本机尚未登记", "this phone is not enrolled"),
        other => Words::new(format!("本机读写异常（{other}）"), format!("the phone's store: {other}")),
    }
}

fn refused(code: &str) -> Obstacle {
    let (why, next) = match code {
        REVOKED => (
            Words::new("本机已被公司停用", "the company has revoked this phone"),
            Words::new(
                "请将手机交回公司，记录可由公司取出；手机找回后可凭新的登记码重新登记",
                "hand the phone in; the records can be taken from it. A phone that was found enrols anew with a new code",
            ),
        ),
        "device.other_worker" => (
            Words::new(
                "这个登记码是另一位人员的，本机资料没有变动",
                "this code is another person's; nothing here has changed",
            ),
            Words::new("请使用自己的登记码", "use your own code"),
        ),
        "device.other_root" => (
            Words::new(
                "这台服务器的根证书与本机记录所属公司的不同，未备份的记录不能交给它",
                "this server's root is not that of the company these records are for: what is not safe can't go there",
            ),
            Words::new(
                "请联系公司核对；需要时先导出求助文件",
                "ask your company; write the rescue file first where you need to",
            ),
        ),
        "device.bad_certificate" | "device.other_supplier" => (
            Words::new("服务器不是二维码所写的供热企业", "the server is not the supplier the code names"),
            Words::new("请向主管核对登记码", "check the code with your supervisor"),
        ),
        // Damaged on its way, or the server's own moment: the next try is as good as the first.
        "sync.zstd" | "sync.dictionary" | "sync.head_mismatch" | "sync.unreadable" | "token.refused"
        | "token.required" | "token_expired" => {
            return Obstacle {
                code: code.to_owned(),
                why: Words::new("服务器要求重发", "the server asks for it again"),
                next: Words::new(
                    "会自动重试；一直如此请联系调度",
                    "it is tried again; if it stays so, ask your dispatcher",
                ),
                needs_person: false,
                files: Vec::new(),
            };
        }
        "sync.version" | "sync.encoding" => (
            Words::new("应用版本过旧，服务器不再接受", "this app is too old for the server"),
            Words::new("请更新应用，更新后自动发送", "update the app; it is sent after that"),
        ),
        code if code.contains("code") => (
            Words::new("登记码无效、已用过或已过期", "the code is not valid, used, or too old"),
            Words::new("请向主管索取新的登记码", "ask your supervisor for a new one"),
        ),
        code => (
            Words::new(format!("服务器没有接受（{code}）"), format!("the server did not accept it ({code})")),
            Words::new("请联系调度", "ask your dispatcher"),
        ),
    };
    Obstacle { code: code.to_owned(), why, next, needs_person: true, files: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_from_a_strange_network() {
        let untrusted = |why: &str| of(&Stop::Unreachable(Unreachable::Untrusted(why.to_owned())));
        let dates = untrusted(OTHER_DATES);
        assert!(dates.code == "sync.other_dates" && dates.next.zh.contains("日期和时间"), "{dates:?}");
        let stranger = untrusted("UnknownIssuer");
        assert!(stranger.code == "sync.untrusted" && !stranger.next.zh.contains("日期"), "{stranger:?}");
    }

    #[test]
    fn a_code_that_could_not_be_traded_is_tried_again_by_its_worker() {
        let no_answer = Stop::Unreachable(Unreachable::NoAnswer("refused".to_owned()));
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let stops = [
            no_answer,
            Stop::Busy { retry_after_s: None },
            Stop::NotAReceipt(NotAReceipt::Unreadable),
            Stop::Key(KeyError::Unavailable { why: "示例".to_owned() }),
            Stop::Trouble(Trouble::Io(full())),
            Stop::Trouble(Trouble::Io(std::io::ErrorKind::Other.into())),
        ];
        for stop in stops {
            let obstacle = of_enrolling(&stop);
            assert!(obstacle.next.zh.contains("登记码仍可使用") && !obstacle.next.zh.contains("自动"), "{obstacle:?}");
        }
        assert!(of_enrolling(&Stop::Trouble(Trouble::Io(full()))).next.zh.contains("清理空间"));
        let used = of_enrolling(&Stop::Refused { code: "device.code_used".to_owned() });
        assert!(used.next.zh.contains("新的登记码"), "{used:?}");
    }

    #[test]
    fn damage_wants_a_person_and_is_not_said_to_mend_itself() {
        let damaged = of(&Stop::Trouble(Trouble::Damaged(Words::new("缺少记录 7", "record 7 is missing"))));
        assert!(damaged.needs_person && damaged.code == "device.damaged", "{damaged:?}");
        assert!(damaged.next.zh.contains("不要卸载") && !damaged.next.zh.contains("重试"), "{damaged:?}");
    }
}
