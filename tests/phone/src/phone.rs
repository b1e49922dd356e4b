//! An enrolled phone whose store nobody reads without its key.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nuanfang_core::device::app::{Config, FieldApp};
use nuanfang_core::device::clock::SystemClock;
use nuanfang_core::device::store::{FILE, Store};
use nuanfang_core::record::SoftwareKey;

use crate::Tried;

/// SQLCipher's raw key; on a phone it comes from the platform's keystore.
pub const KEY: [u8; 32] = [0x59; 32];

/// How a file of SQLite begins that is not encrypted.
const PLAIN: &[u8; 16] = b"SQLite format 3\0";

/// The phone.
pub struct Phone {
    /// The app.
    pub app: FieldApp,
    dir: PathBuf,
}

impl Phone {
    /// Enrols in the empty folder `dir` with a code of the server at `url`.
    pub fn enrol(dir: PathBuf, url: &str, code: &str) -> Tried<Self> {
        std::fs::create_dir_all(&dir)?;
        let config = Config { key: Some(KEY), ..Config::new(&dir) };
        let app = FieldApp::open(config, Arc::new(SoftwareKey::generate()), Arc::new(SystemClock::new()))?;
        app.enrol(&format!("{url} {code}"), "示例手机")?;
        must_be_encrypted(&dir)?;
        Ok(Self { app, dir })
    }

    /// The folder it lies in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its store, beside the app.
    pub fn store(&self) -> Tried<Store> {
        Ok(Store::open(&self.dir, Some(&KEY))?)
    }
}

/// Nobody reads the store in `dir` without its key.
pub fn must_be_encrypted(dir: &Path) -> Tried<()> {
    let mut begins = [0; 16];
    File::open(dir.join(FILE))?.read_exact(&mut begins)?;
    if begins == *PLAIN { Err("the store is not encrypted".into()) } else { Ok(()) }
}
