//! The answer of a check: what was looked at, what held, what did not, and in plain Chinese who signed what, when and
//! with which device.

use serde::Serialize;

use super::summary::{RecordSummary, clock};
use crate::canon::hash::Sha;

/// The answer, which is also the exit status (FORMATS §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// 有效: everything holds, and the keys are the supplier's.
    Valid,
    /// 无效: a part does not hold.
    Invalid,
    /// 完整，签署方未知: everything fits together, but there are no keys to say whose it is.
    SignerUnknown,
    /// 已擦除: the content was destroyed; its trace holds.
    Erased,
}

impl Answer {
    /// 0 valid, 1 invalid, 2 intact but signer unknown, 3 erased.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::SignerUnknown => 2,
            Self::Erased => 3,
        }
    }

    /// As shown.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Valid => "有效",
            Self::Invalid => "无效",
            Self::SignerUnknown => "内容完整，但没有公钥文件，签署方未知",
            Self::Erased => "内容已依法擦除，留存的凭据有效",
        }
    }

    /// In English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::SignerUnknown => "intact, but without the supplier's keys the signer is unknown",
            Self::Erased => "the content was erased by law; what is left of it holds",
        }
    }
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident = $zh:literal, $en:literal;)*) => {
        /// A part that is checked and named. The last five are the PDF's, added by the crate `nuanfang-documents`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Part { $($(#[$doc])* $name,)* }

        impl Part {
            /// As shown.
            pub fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh,)* }
            }

            /// In English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$name => $en,)* }
            }
        }
    };
}

parts! {
    /// The file's own form.
    Container = "记录文件格式", "file format";
    /// The payload's bytes and members, and that they make sense together.
    Payload = "记录内容", "record content";
    /// The device key's signature over the payload.
    Signature = "设备签名", "device signature";
    /// That the device key is the supplier's, in `keys.json`.
    SignerKey = "签名密钥归属", "signer's key";
    /// The device's certificate, and that it is for this device, worker and supplier.
    Certificate = "设备证书", "device certificate";
    /// The certificate held when the record was signed.
    Validity = "证书有效期", "certificate validity";
    /// The key was not revoked when the record was signed.
    Revocation = "密钥吊销状态", "revocation";
    /// The server's receipt.
    Countersignature = "企业回执签名", "counter-signature";
    /// That the server key is the supplier's, in `keys.json`.
    ServerKey = "回执密钥归属", "server's key";
    /// The strokes' hash.
    Strokes = "签字笔迹", "signature strokes";
    /// The image's hash.
    Image = "签字图像", "signature image";
    /// A photo's hash.
    Photo = "照片", "photo";
    /// The server's statement that the content was erased.
    Erasure = "擦除声明", "erasure statement";
    /// The seal over the whole PDF.
    Seal = "电子印章", "document seal";
    /// The seal's certificate leads to the supplier's root.
    SealKey = "印章证书归属", "seal's key";
    /// Nothing but what is allowed was added after the seal.
    SealCoverage = "印章覆盖范围", "seal coverage";
    /// The files inside the PDF.
    Attachment = "附件", "attachment";
    /// What the page shows is what was signed.
    PageText = "页面文字", "page text";
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// There was nothing to check it with.
    NotChecked,
}

/// One part, checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Check {
    /// Which part.
    pub part: Part,
    /// How it went.
    pub state: CheckState,
    /// The part and what was found, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

impl Check {
    /// It holds. `zh` and `en` say what was found; both may be empty.
    pub fn passed(part: Part, zh: impl AsRef<str>, en: impl AsRef<str>) -> Self {
        Self::new(part, CheckState::Passed, zh.as_ref(), en.as_ref())
    }

    /// It does not hold.
    pub fn failed(part: Part, zh: impl AsRef<str>, en: impl AsRef<str>) -> Self {
        Self::new(part, CheckState::Failed, zh.as_ref(), en.as_ref())
    }

    /// There was nothing to check it with.
    pub fn not_checked(part: Part, zh: impl AsRef<str>, en: impl AsRef<str>) -> Self {
        Self::new(part, CheckState::NotChecked, zh.as_ref(), en.as_ref())
    }

    fn new(part: Part, state: CheckState, zh: &str, en: &str) -> Self {
        let zh = if zh.is_empty() { part.zh().to_owned() } else { format!("{}：{zh}", part.zh()) };
        let en = if en.is_empty() { part.en().to_owned() } else { format!("{}: {en}", part.en()) };
        Self { part, state, zh, en }
    }
}

/// What a check answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The answer.
    pub answer: Answer,
    /// Its exit status.
    pub exit_code: u8,
    /// Every part, in the order it was checked.
    pub checks: Vec<Check>,
    /// What a reader should know without it being a fault.
    pub notes: Vec<Note>,
    /// What the record says; absent when it cannot be read.
    pub record: Option<RecordSummary>,
    /// The supplier's fingerprint of the keys it was checked with.
    pub fingerprint: Option<Sha>,
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Note {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl Verdict {
    /// Nothing checked yet; `otherwise` is the answer as long as no part fails.
    pub fn new(otherwise: Answer) -> Self {
        Self {
            answer: otherwise,
            exit_code: otherwise.exit_code(),
            checks: Vec::new(),
            notes: Vec::new(),
            record: None,
            fingerprint: None,
        }
    }

    /// Adds a check. One failed part makes the whole invalid, whatever else holds.
    pub fn add(&mut self, check: Check) {
        if check.state == CheckState::Failed {
            self.answer = Answer::Invalid;
            self.exit_code = Answer::Invalid.exit_code();
        }
        self.checks.push(check);
    }

    /// Adds a remark.
    pub fn note(&mut self, zh: impl Into<String>, en: impl Into<String>) {
        self.notes.push(Note { zh: zh.into(), en: en.into() });
    }

    /// The parts that failed.
    pub fn faults(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.state == CheckState::Failed)
    }

    /// Whether `part` failed.
    pub fn is_faulty(&self, part: Part) -> bool {
        self.faults().any(|check| check.part == part)
    }

    /// For people, in Chinese; several lines.
    pub fn text_zh(&self) -> String {
        let mut lines = vec![format!("结论：{}", self.answer.zh())];
        lines.extend(self.faults().map(|check| format!("  ✗ {}", check.zh)));
        if let Some(record) = &self.record {
            // What an invalid file says is only what it claims.
            let claimed = if self.answer == Answer::Invalid { "（文件自称，不可采信）" } else { "" };
            match &record.refused {
                None => lines.push(format!("签字人：{}（{}）{claimed}", record.signer, record.signer_role)),
                Some(reason) => {
                    lines.push(format!("拒签人：{}（{}），原因：{reason}{claimed}", record.signer, record.signer_role));
                }
            }
            lines.push(format!("内容：{} · {}", record.kind, record.title));
            lines.push(format!("时间：{}", record.signed_at.zh()));
            if let Some(received) = record.received_ms {
                let status = record.device_status.as_deref().unwrap_or_default();
                lines.push(format!("企业收到：{}（北京时间），当时设备{status}", clock(received)));
            }
            lines.push(format!("服务人员：{}（工作标识牌 {}）", record.worker_name, record.badge));
            lines.push(format!("设备：{}，证书 {}", record.device, record.kid.short()));
            lines.push(format!("供热企业：{}", record.supplier));
            lines.push(format!(
                "记录：{}，指纹 {}，照片 {} 张",
                record.record,
                record.record_sha.short(),
                record.photos
            ));
        }
        if let Some(fingerprint) = &self.fingerprint {
            lines.push(format!("企业根证书指纹：{fingerprint}"));
        }
        lines.extend(self.notes.iter().map(|note| format!("注：{}", note.zh)));
        let passed = self.checks.iter().filter(|check| check.state == CheckState::Passed);
        lines.extend(passed.map(|check| format!("  ✓ {}", check.zh)));
        let open = self.checks.iter().filter(|check| check.state == CheckState::NotChecked);
        lines.extend(open.map(|check| format!("  – {}", check.zh)));
        lines.join("\n")
    }

    /// For people, in English; several lines.
    pub fn text_en(&self) -> String {
        let mut lines = vec![format!("Answer: {}", self.answer.en())];
        if let Some(record) = &self.record {
            let how = if record.refused.is_some() { "refused by" } else { "signed by" };
            lines.push(format!("{} {how} {} ({})", record.title, record.signer, record.signer_role));
            lines.push(format!("when: {}", record.signed_at.en()));
            lines.push(format!("device {}, worker {} (badge {})", record.device, record.worker_name, record.badge));
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {}", note.en)));
        lines.extend(self.checks.iter().map(|check| {
            let mark = match check.state {
                CheckState::Passed => "✓",
                CheckState::Failed => "✗",
                CheckState::NotChecked => "–",
            };
            format!("  {mark} {}", check.en)
        }));
        lines.join("\n")
    }
}
