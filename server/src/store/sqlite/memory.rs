//! The log and its projections in memory, for drills: a process that ends leaves them as its last commit did, as long
//! as somebody outside keeps a connection to them. Files and secrets lie in a folder as ever.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use nuanfang_core::drill::{self, Mutant};
use rusqlite::Connection;

use super::readers::Readers;
use super::writer::Writer;
use super::{STEPS, Sqlite};
use crate::keys::Keys;
use crate::store::StoreError;
use crate::store::blobs::Blobs;
use crate::store::migrate::migrate;
use crate::store::vault::Vault;

impl Sqlite {
    /// Opens the database that lies in memory under `name`, made when there is none. Everything is written on the
    /// caller's thread, one job a commit.
    pub fn open_in_memory(dir: &Path, name: &str, vault: Arc<Vault>, keys: Arc<Keys>) -> Result<Self, StoreError> {
        fs::create_dir_all(dir)?;
        let lock = File::options().create(true).truncate(false).write(true).open(dir.join("lock"))?;
        let mut db = connect(name)?;
        migrate(&mut db, &dir.join(name), STEPS)?;
        db.set_prepared_statement_cache_capacity(256);
        if drill::is(Mutant::NoUnique) {
            db.execute_batch(
                "DROP INDEX IF EXISTS envelope_log; CREATE INDEX IF NOT EXISTS broken ON envelope (dev, seq);",
            )?;
        }
        let reader = connect(name)?;
        reader.execute_batch("PRAGMA query_only = 1;")?;
        reader.set_prepared_statement_cache_capacity(128);
        let blobs = Blobs::open(dir)?;
        let writer = Writer::here(db, blobs.clone(), Arc::clone(&keys));
        let readers = Arc::new(Readers::one(reader));
        Ok(Self { blobs, vault, keys, writer, readers, dir: dir.to_owned(), _lock: Arc::new(lock) })
    }
}

fn connect(name: &str) -> Result<Connection, StoreError> {
    let db = Connection::open(format!("file:/{name}?vfs=memdb"))?;
    db.execute_batch("PRAGMA page_size = 1024; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;")?;
    super::keep_plans(&db)?;
    Ok(db)
}
