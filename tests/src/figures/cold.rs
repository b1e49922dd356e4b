//! A phone's first morning (B4): ten thousand entities of a kilobyte go from the server's store over HTTP into the
//! phone's encrypted one, in two processes. The probe only reads what has to go: the feed joined with the entities,
//! from the server's file with bare SQLite.

use std::path::Path;

use nuanfang_core::id::{HouseholdId, WorkerId};
use nuanfang_core::wire::feed::worker_scope;
use nuanfang_core::wire::feed_entity::HOUSEHOLD;
use nuanfang_demo::dice::Dice;
use nuanfang_server::enrolment;
use nuanfang_server::office::feed;
use nuanfang_server::store::StoreError;
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::cipher::phone;
use super::prose::prose;
use super::town::Town;
use super::{Bench, Figure, Run, Size, Tried, Value, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B4",
    name: "a new phone mirrors 10,000 entities of 1 KB into its encrypted store, until all of it is durable",
    unit: "entities/s",
    probe: "bare SQLite reading the feed with its entities from the server's file",
    value: Value::OfProbe,
    goal: Some(0.3),
}];

/// The probe reads the rows so often and takes the mean: once is over in no time.
const READ: usize = 5;

/// The bench: a worker with much to know.
pub struct Cold {
    town: Town,
    folder: TempDir,
    worker: WorkerId,
    entities: usize,
}

/// What the phone says.
#[derive(Deserialize)]
struct Mirrored {
    entities: usize,
    seconds: f64,
}

impl Cold {
    /// Fills the worker's scope.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let town = Town::open(&folder.path().join("data"))?;
        let (worker, entities) = (WorkerId(Uuid::new_v4()), size.of(10_000, 20));
        let mut dice = Dice::new(4);
        let bodies: Vec<_> = (0..entities).map(|number| home(number, &mut dice)).collect();
        town.state().store.write_blocking::<_, StoreError, _>(0, move |writing| {
            for (id, body) in &bodies {
                feed::put(writing, &worker_scope(worker.0), HOUSEHOLD, &id.to_string(), body)?;
            }
            Ok(())
        })?;
        Ok(Self { folder, town, worker, entities })
    }

    /// Everything in the worker's scope, column by column. How many rows there are.
    fn read(&self, file: &Path) -> Tried<usize> {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.execute_batch("PRAGMA mmap_size = 0; PRAGMA cache_size = -65536;")?;
        let mut query = db.prepare(
            "SELECT f.pos, f.e, f.id, x.ver, x.body, f.why FROM scope s JOIN feed f ON f.scope = s.id
             LEFT JOIN scope_entity x ON x.scope = f.scope AND x.e = f.e AND x.id = f.id
             WHERE s.name = ?1 ORDER BY f.pos",
        )?;
        let columns = query.column_count();
        let mut rows = query.query([worker_scope(self.worker.0)])?;
        let mut read = 0;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                std::hint::black_box(row.get::<_, Cell>(column)?);
            }
            read += 1;
        }
        Ok(read)
    }
}

/// A dwelling whose entity has a kilobyte.
fn home(number: usize, dice: &mut Dice) -> (HouseholdId, serde_json::Value) {
    let id = HouseholdId(Uuid::new_v4());
    let mut body = json!({
        "id": id, "address": format!("示例小区{number}号楼2单元301"), "community": "示例小区",
        "building": format!("{number}号楼"), "unit": "2单元", "floor": "3", "room": "301",
        "owner_name": "示例·王样", "owner_phone_masked": "138****0001", "fields": {},
    });
    let missing = 1_000_usize.saturating_sub(body.to_string().len());
    body["fields"]["备注"] = prose(dice, missing).into();
    (id, body)
}

impl Bench for Cold {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let town = &self.town;
        let run = scratch()?;
        let code = enrolment::issue(&town.state().vault, self.worker)?;
        let url = format!("http://{}", town.addr());
        let told: Mirrored = phone("cold", &run.path().join("phone"), &url, &code, &[])?;
        // The company's own few are among them.
        if told.entities < self.entities {
            return Err(format!("{} of {} entities came", told.entities, self.entities).into());
        }
        let file = self.folder.path().join("data").join("nuanfang.db");
        let (seconds, ()) = timed(|| {
            for _ in 0..READ {
                if self.read(&file)? != self.entities {
                    return Err("the feed has other rows".into());
                }
            }
            Ok(())
        })?;
        let probe = (READ * self.entities) as f64 / seconds;
        Ok(vec![Run { measured: told.entities as f64 / told.seconds, probe }])
    }
}
