//! What can go wrong on the phone, and the words for the worker: what happened, that nothing is lost, what to do.

use rusqlite::{ErrorCode, ffi};

use super::status::Words;
use crate::error::Refusal;

/// Why the store could not do what it was asked. Whatever was saved before stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// SQLite's own.
    #[error("database: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// A file's.
    #[error("file: {0}")]
    Io(#[from] std::io::Error),
    /// A file's that is there to be read.
    #[error("reading: {0}")]
    Unread(#[source] std::io::Error),
    /// The database does not open under this key. One whose first page is damaged looks the same.
    #[error("the database does not open under this key")]
    WrongKey,
    /// A key was handed in, and this build has no SQLCipher: nothing is written in the clear behind its owner's back.
    #[error("this build can't encrypt the database")]
    KeyUnsupported,
    /// The database was written by a newer release.
    #[error("the database has version {found}, this app knows {known}")]
    NewerDatabase {
        /// `user_version` of the file.
        found: u32,
        /// The last one this build has.
        known: u32,
    },
    /// What lies there is not what was written.
    #[error("damaged: {}", .0.en)]
    Damaged(Words),
    /// A panic of the app, or of the platform beneath it.
    #[error("broke off: {0}")]
    BrokeOff(String),
    /// Nobody is enrolled here yet.
    #[error("not enrolled")]
    NotEnrolled,
    /// A rule of the phone itself: too large, no such photo.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl Trouble {
    /// Damage, as a library tells it: for whoever looks into it, in one language.
    pub fn damaged(what: impl ToString) -> Self {
        let what = what.to_string();
        Self::Damaged(Words::new(what.clone(), what))
    }

    /// Whether something that is there did not come out of the disk: it says nothing of a step that was to be saved.
    fn is_unread(&self) -> bool {
        const READING: [std::ffi::c_int; 3] =
            [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ, ffi::SQLITE_IOERR_MMAP];
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => READING.contains(&error.extended_code),
            Self::Unread(_) => true,
            _ => false,
        }
    }

    /// Whether the disk is full: nothing of this step was saved, everything before it was.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => error.code == ErrorCode::DiskFull,
            Self::Io(error) => error.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
        match error {
            // What was written is no such value.
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..) => {
                Self::damaged(error)
            }
            // SQLCipher calls an open database none once it met a page that changed.
            _ if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) => {
                Self::damaged(error)
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        if trouble.is_disk_full() {
            return Self::new(
                "device.disk_full",
                "",
                "手机存储空间已满，这一步没有保存；之前的记录都在。请清理空间后再做一次。",
                "The phone's storage is full. This step was not saved; everything before it was. Free some space and do it again.",
            );
        }
        if trouble.is_unread() {
            return Self::new(
                "device.unread",
                "",
                format!(
                    "本机存储这次没有读出来（{trouble}）。已保存的记录没有改动；如果正在保存，这一步没有记录。请再试一次；一直如此请不要卸载应用，联系公司。"
                ),
                format!(
                    "The phone's storage could not be read this time ({trouble}). What was saved is as it was; a step that was being saved was not recorded. Try again; if it stays so don't uninstall, ask your company."
                ),
            );
        }
        match trouble {
            Trouble::Refused(refusal) => refusal,
            Trouble::WrongKey => Self::new(
                "device.wrong_key",
                "",
                "本机资料没有打开：密钥不符，或资料文件已损坏；文件没有改动。请不要卸载应用，联系公司。",
                "The records were not opened: the key does not fit, or their file is damaged. It is as it was. Don't uninstall; ask your company.",
            ),
            Trouble::KeyUnsupported => Self::new(
                "device.key_unsupported",
                "",
                "此版本不支持加密数据库，未写入任何资料。请安装正式版本。",
                "This build can't encrypt its database; nothing was written. Install the release build.",
            ),
            Trouble::NewerDatabase { .. } => Self::new(
                "device.newer_database",
                "",
                "本机资料由较新版本的应用写入，资料完好。请更新应用后再打开。",
                "The records were written by a newer version of the app and are intact. Update the app, then open it again.",
            ),
            Trouble::NotEnrolled => Self::new(
                "device.not_enrolled",
                "",
                "本机尚未登记。请扫描公司发放的二维码。",
                "This phone is not enrolled. Scan the code your company gave you.",
            ),
            Trouble::Damaged(why) => Self::new(
                "device.damaged",
                "",
                format!("本机资料读取异常（{}）。请不要卸载应用，联系公司导出资料。", why.zh),
                format!(
                    "The phone's records can't be read as written ({}). Don't uninstall; ask your company to rescue them.",
                    why.en
                ),
            ),
            Trouble::BrokeOff(why) => Self::new(
                "device.broke_off",
                "",
                format!("应用出现意外（{why}），这一步没有做完，请再做一次；之前的记录都在。"),
                format!("The app broke off ({why}). Do this step again; everything before it is there."),
            ),
            Trouble::Sqlite(error) => Self::new(
                "device.store",
                "",
                format!("本机保存失败，这一步没有记录，请再做一次；之前的记录都在。（{error}）"),
                format!("The phone could not save this step; do it again. Everything before it is there. ({error})"),
            ),
            Trouble::Io(error) | Trouble::Unread(error) => Self::new(
                "device.file",
                "",
                format!("本机文件没有写成，这一步没有记录，请再做一次；之前的记录都在。（{error}）"),
                format!(
                    "The phone could not write a file; do this step again. Everything before it is there. ({error})"
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: std::ffi::c_int) -> Refusal {
        Trouble::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).into()
    }

    #[test]
    fn a_damaged_database_is_not_told_as_a_step_to_do_again() {
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_CORRUPT_INDEX, ffi::SQLITE_NOTADB] {
            let refusal = told(code);
            assert_eq!(refusal.code, "device.damaged");
            assert!(refusal.zh.contains("不要卸载") && !refusal.zh.contains("再做一次"), "{}", refusal.zh);
        }
        assert_eq!(told(ffi::SQLITE_FULL).code, "device.disk_full");
        assert_eq!(told(ffi::SQLITE_IOERR).code, "device.store");
    }

    #[test]
    fn what_could_not_be_read_is_not_told_as_a_save_that_failed() {
        for code in [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ] {
            let refusal = told(code);
            assert_eq!(refusal.code, "device.unread");
            assert!(refusal.zh.contains("没有改动") && !refusal.zh.contains("保存失败"), "{}", refusal.zh);
        }
        assert_eq!(told(ffi::SQLITE_IOERR_WRITE).code, "device.store");
    }
}
