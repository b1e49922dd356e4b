//! What every run starts from, made once: a supplier's keys, registers with a few dwellings and workers, an empty
//! phone. A run copies them within memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::device::store::Store;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::{Imported, Register};
use nuanfang_core::id::{HouseholdId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Millis;
use nuanfang_server::clock::Clock;
use nuanfang_server::keys::Keys;
use nuanfang_server::office::OfficeAct;
use nuanfang_server::office::import::{ROLE, Row, pack};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::sqlite::Sqlite;
use nuanfang_server::store::vault::Vault;
use nuanfang_server::{AppState, Config, serve};
use rusqlite::Connection;
use rusqlite::backup::Backup;
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::release::Release;

/// When every run begins.
pub const BEGIN: Millis = Millis(1_795_000_000_000);
/// Workers there are in most runs.
const WORKERS: usize = 8;
/// Dwellings there are.
pub const HOUSEHOLDS: usize = 6;

static NAMES: AtomicU64 = AtomicU64::new(0);

/// The office's clock, moved by the run.
#[derive(Debug)]
pub struct Time(pub AtomicI64);

impl Clock for Time {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// A database in memory and the connection that keeps it.
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Sees what is committed.
    pub db: Connection,
}

impl Kept {
    /// An empty one.
    pub fn new() -> Self {
        let name = format!("n{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let db = Connection::open(format!("file:/{name}?vfs=memdb")).expect("memory");
        db.set_prepared_statement_cache_capacity(64);
        Self { name, db }
    }

    /// A copy of another.
    pub fn copy(of: &Connection) -> Self {
        let mut copy = Self::new();
        copy.take(of);
        copy
    }

    /// Becomes a copy of another.
    pub fn take(&mut self, of: &Connection) {
        let backup = Backup::new(of, &mut self.db).expect("a copy");
        backup.run_to_completion(i32::MAX, std::time::Duration::ZERO, None).expect("a copy");
    }
}

/// What runs start from.
pub struct Ground {
    /// Where files lie.
    pub dir: tempfile::TempDir,
    /// The supplier's keys.
    pub keys: Arc<Keys>,
    /// The phones' keys, in the second half those they make when they lost the first; made once, because making them is
    /// dear.
    pub phone_keys: Vec<Arc<SoftwareKey>>,
    /// Runs what the server awaits.
    pub runtime: Arc<tokio::runtime::Runtime>,
    /// Workers there are.
    pub workers: usize,
    server: Kept,
    phone: Kept,
    template: PathBuf,
    runs: AtomicU64,
}

impl Ground {
    /// Makes it, for runs of up to `phones` phones.
    pub fn prepare(phones: u32) -> Self {
        // A few workers meet each other's visits often; of a crowd each has his own phone.
        let workers = if phones > 60 { phones as usize } else { WORKERS };
        let shared = Path::new("/dev/shm");
        let dir = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.expect("a folder");
        let template = dir.path().join("template");
        std::fs::create_dir_all(&template).expect("a folder");
        let vault = Arc::new(Vault::open(&template).expect("a vault"));
        let keys = Arc::new(Keys::create(&vault, "示例供热", BEGIN).expect("keys"));
        let phone = Kept::new();
        let made = Release::Before.at_work(|| Store::open_in_memory(&dir.path().join("phone"), &phone.name));
        drop(made.expect("a phone"));
        let server = Kept::new();
        let time = Arc::new(Time(AtomicI64::new(BEGIN.0)));
        let opened = || open_server(&template, &server.name, vault, Arc::clone(&keys), time);
        let state = Release::Before.at_work(opened).expect("a server");
        import(&state, Register::Households, (0..HOUSEHOLDS).map(household_row).collect());
        import(&state, Register::Workers, (0..workers).map(worker_row).collect());
        drop(state);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let phone_keys = (0..2 * phones.max(64)).map(|n| Arc::new(phone_key(n))).collect();
        let runtime = Arc::new(runtime);
        Self { dir, keys, phone_keys, runtime, workers, server, phone, template, runs: AtomicU64::new(0) }
    }

    /// A folder for one run, with a vault in it, and the server's database.
    pub fn run(&self) -> (PathBuf, Arc<Vault>, Kept) {
        let dir = self.dir.path().join(format!("run{}", self.runs.fetch_add(1, Ordering::Relaxed)));
        let server = dir.join("server");
        std::fs::create_dir_all(&server).expect("a folder");
        std::fs::copy(self.template.join("vault.db"), server.join("vault.db")).expect("a vault");
        copy_files(&self.template.join("blobs"), &server.join("blobs"));
        let vault = Arc::new(Vault::open(&server).expect("a vault"));
        (dir, vault, Kept::copy(&self.server.db))
    }

    /// The database of a new phone.
    pub fn phone(&self) -> Kept {
        Kept::copy(&self.phone.db)
    }
}

/// The key of a phone by number: the same in every run.
fn phone_key(n: u32) -> SoftwareKey {
    let secret = match u8::try_from(n) {
        Ok(n) if n < 128 => [n + 1; 32],
        _ => std::array::from_fn(|at| n.to_be_bytes()[at % 4] ^ 0x55),
    };
    SoftwareKey::from_secret(&secret).expect("a key")
}

/// Opens the server's process over what is kept.
pub fn open_server(
    dir: &Path,
    name: &str,
    vault: Arc<Vault>,
    keys: Arc<Keys>,
    time: Arc<Time>,
) -> Result<AppState, String> {
    let store = Sqlite::open_in_memory(dir, name, vault, keys).map_err(|error| error.to_string())?;
    let mut config = Config::local(dir);
    config.supplier_name = "示例供热".into();
    serve::over(store, time, config, ([127, 0, 0, 1], 1).into()).map_err(|error| error.to_string())
}

/// Copies a folder of files, folder by folder.
pub fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    let Ok(entries) = std::fs::read_dir(from) else { return };
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A worker by number.
pub fn worker(n: usize) -> WorkerId {
    WorkerId(Uuid::from_u128(0xA0_0000 + n as u128))
}

/// A dwelling by number.
pub fn household(n: usize) -> HouseholdId {
    HouseholdId(Uuid::from_u128(0xB0_0000 + n as u128))
}

fn household_row(n: usize) -> Row {
    row(
        household(n).0,
        &json!({ "account_number": format!("示例{n:04}"), "building": "3号楼", "community": "示例花园", "room": format!("{n}01"),
            "unit": "2单元", "owner_name": format!("示例住户{n}"), "owner_phone": "13800001234",
            "heating_state": "正供", "premises_kind": "住宅" }),
    )
}

fn worker_row(n: usize) -> Row {
    row(
        worker(n).0,
        &json!({ "badge_number": format!("示例-{n}"), "badge_valid_until": "2030-12-31", "name": format!("示例员工{n}"),
            "practical_passed": true, "preseason_deci_hours": 300, "skills": ["维修员", "测温员", "巡检员"],
            "theory_passed": true }),
    )
}

fn row(id: Uuid, fields: &serde_json::Value) -> Row {
    Row { id, row: RawValue::from_string(fields.to_string()).expect("JSON"), supplement: None }
}

fn import(state: &AppState, register: Register, rows: Vec<Row>) {
    let packed = pack(&rows).expect("packed");
    let sha = state.blobs.put(&packed).expect("kept");
    let added = rows.len() as u64;
    let event = Event::Imported(Imported { register, rows: sha, added, changed: 0, unchanged: 0, refused: 0 });
    let blobs = vec![BlobRef { sha, len: packed.len() as u64, role: ROLE.to_owned() }];
    let act = OfficeAct { event, visit: None, basis: 0, blobs };
    let done = state.office.append_blocking::<StoreError, _>(WorkerId(Uuid::nil()), vec![act], |_| Ok(()));
    done.expect("imported");
}
