//! What can go wrong in a store, told apart by what a caller can do about it.

use std::path::PathBuf;

use nuanfang_core::error::Refusal;
use rusqlite::ErrorCode;

/// Why a store did not do what it was asked. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue is full; try again.
    #[error("服务器繁忙 (busy)")]
    Busy,
    /// The server is stopping.
    #[error("服务器正在停止 (stopping)")]
    Closed,
    /// The disk is full.
    #[error("磁盘已满 (disk full)")]
    Full,
    /// The data folder can't be written.
    #[error("数据目录不可写 (read-only)")]
    ReadOnly,
    /// A query took longer than it may.
    #[error("查询超时 (too slow)")]
    TooSlow,
    /// The act is not allowed in the present state.
    #[error("{0}")]
    Refused(Refusal),
    /// Another process uses the data folder.
    #[error("已有另一个服务器在使用此目录 {} (locked)", .0.display())]
    Locked(PathBuf),
    /// There is no data folder.
    #[error("{} 不是数据目录", .0.display())]
    Absent(PathBuf),
    /// There is a log, and the keys that signed it are gone.
    #[error("{} 中有日志而没有密钥，请从备份恢复 vault.db", .0.display())]
    Keyless(PathBuf),
    /// The database was written by an older version, and this is no server that brings it up to date.
    #[error("{} 由旧版本写入，请先用本程序启动一次服务器", .0.display())]
    Older(PathBuf),
    /// The database was written by a newer version.
    #[error("{} 由更新版本写入（结构 {found}，本程序支持到 {known}），请使用更新版本的程序", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
    /// What is stored contradicts itself.
    #[error("数据损坏：{0}")]
    Damaged(String),
    /// The backup is none, is another's, or does not open. Nothing is wrong with the data folder.
    #[error("备份不可用：{0}")]
    Backup(String),
    /// Where the backup should lie nothing lies.
    #[error(
        "备份 {0} 是空的，此前的备份不在这里：请挂载备份磁盘；要在这里另建备份，请停止服务器后运行 nuanfang backup ship"
    )]
    Unmounted(String),
    /// The work panicked; it was rolled back.
    #[error("内部错误：{0}")]
    Panicked(String),
    /// The database, otherwise.
    #[error("数据库：{0}")]
    Database(rusqlite::Error),
    /// The file system, otherwise.
    #[error("{}", crate::terminal::words(.0))]
    Io(std::io::Error),
}

impl StoreError {
    /// Whether waiting may help: nothing is wrong with the request.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Closed | Self::Full | Self::ReadOnly | Self::TooSlow)
    }

    /// The same for another caller whose work shared the failed commit.
    pub(crate) fn shared(&self) -> Self {
        match self {
            Self::Busy => Self::Busy,
            Self::Closed => Self::Closed,
            Self::Full => Self::Full,
            Self::ReadOnly => Self::ReadOnly,
            Self::TooSlow => Self::TooSlow,
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::OperationInterrupted) => Self::TooSlow,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OutOfMemory) => Self::Busy,
            Some(ErrorCode::SystemIoFailure) => Self::ReadOnly,
            Some(ErrorCode::NotADatabase) => Self::Damaged("文件不是数据库".into()),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged("数据库文件已损坏，请从备份恢复".into()),
            _ => Self::Database(error),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Io(error),
        }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
