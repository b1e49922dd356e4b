//! `nuanfang enrol`: a one-time code for a worker's phone, as text and QR. Works beside a running server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nuanfang_core::id::WorkerId;
use uuid::Uuid;

use crate::keys::Keys;
use crate::office::registers::worker;
use crate::serve::Address;
use crate::store::StoreError;
use crate::store::sqlite;
use crate::store::vault::Vault;
use crate::terminal::{complain, say, untried};

/// Print a one-time enrolment code and its QR for a worker's phone.
///
/// The code is good for one phone, for 24 hours.
///
/// Exit status: 0 printed; 1 there is no such worker; 2 it could not be tried.
#[derive(Debug, Args)]
pub struct Enrol {
    /// 工牌编号, or the worker's id
    worker: String,
    /// The data folder
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// The address the phone will use; by default the one the server last served at
    #[arg(long)]
    url: Option<String>,
}

impl Enrol {
    /// Prints the code.
    pub fn run(self) -> ExitCode {
        match self.enrol() {
            Ok(Some(())) => ExitCode::SUCCESS,
            Ok(None) => {
                complain(format_args!("没有工牌编号为“{}”的服务人员", self.worker));
                ExitCode::from(1)
            }
            Err(error) => untried(error),
        }
    }

    fn enrol(&self) -> Result<Option<()>, StoreError> {
        let db = sqlite::beside(&self.data)?;
        let found = match Uuid::parse_str(&self.worker) {
            Ok(id) => worker::find(&db, WorkerId(id))?,
            Err(_) => worker::find_by_badge(&db, &self.worker)?,
        };
        let Some(found) = found else { return Ok(None) };
        let vault = Vault::open(&self.data)?;
        let keys = Keys::find(&vault)?.ok_or_else(|| StoreError::Keyless(self.data.clone()))?;
        let mut address = Address::load(&self.data)?.unwrap_or_default();
        if let Some(url) = &self.url {
            address.url.clone_from(url);
        }
        let code = crate::enrolment::issue(&vault, WorkerId(found.id))?;
        let invitation = address.invitation(code, keys.fingerprint());
        say(format_args!("{} 的手机登记码（一次有效，24 小时内使用）：\n", found.name));
        say(format_args!("  地址  {}", invitation.url));
        say(format_args!("  登记码  {}\n", invitation.code));
        let text = invitation.to_text();
        say(format_args!("在手机上粘贴这段文字，或扫描下面的二维码：\n\n  {text}\n"));
        match fast_qr::QRBuilder::new(text).build() {
            Ok(qr) => say(qr.to_str()),
            Err(error) => complain(format_args!("二维码无法生成：{error:?}")),
        }
        Ok(Some(()))
    }
}
