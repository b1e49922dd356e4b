//! What can go wrong while a document is made.

use thiserror::Error;

/// Why a document could not be made. Nothing was written.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// Characters that the form fonts do not have. Checked at import and input; here for what slipped through.
    #[error("字库没有这些字，无法打印：{}", .0.iter().collect::<String>())]
    MissingGlyphs(Vec<char>),
    /// The form's cells do not fill its tables.
    #[error("表单的行列不成立（{0}）")]
    Form(String),
    /// The picture of the signature cannot be read.
    #[error("签字图像无法读取：{0}")]
    Signature(&'static str),
    /// Typesetting or export refused.
    #[error("排版失败：{0}")]
    Typesetting(String),
    /// The text does not fit a QR code.
    #[error("二维码内容过长")]
    Qr,
    /// The record's container cannot be read.
    #[error("记录无法读取：{0}")]
    Record(String),
    /// The file to be sealed is not one of ours.
    #[error("待签章的文件结构不符：{0}")]
    Structure(String),
    /// A key or certificate cannot be used.
    #[error("密钥或证书不可用：{0}")]
    Key(String),
    /// The signature does not fit the room kept for it.
    #[error("签章数据超过预留的 {limit} 字节（{size}）")]
    SealTooLarge {
        /// Bytes needed.
        size: usize,
        /// Bytes kept.
        limit: usize,
    },
    /// An attachment that stands in every document is missing or unreadable.
    #[error("附件 {0} 缺失或无法读取")]
    Attachment(&'static str),
}
