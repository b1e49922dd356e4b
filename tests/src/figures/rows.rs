//! The probe of ingest: the rows that the server's run left behind, written again by bare SQLite into a copy of the
//! database as it was before. Same schema, same indexes, same durability, 512 envelopes a transaction, each row once;
//! no network, no reading, no judging.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{Tried, timed};

/// Envelopes a transaction of the probe holds.
const GROUP: usize = 512;
/// The write-ahead log is folded back once so many of its pages wait for it, as the server does it.
const WAL_PAGES: i64 = 4096;

/// A statement and the values of each of its rows, in order.
struct Stream {
    sql: String,
    rows: Vec<Vec<Value>>,
    /// All of it belongs to the first transaction: the rest refers to it.
    first: bool,
}

impl Stream {
    /// The part of a transaction.
    fn part(&self, group: usize, groups: usize) -> &[Vec<Value>] {
        match (self.first, group) {
            (true, 0) => &self.rows,
            (true, _) => &[],
            _ => &self.rows[self.rows.len() * group / groups..self.rows.len() * (group + 1) / groups],
        }
    }
}

/// Everything that differs between two states of a store.
pub struct Rows {
    streams: Vec<Stream>,
    /// How many envelopes are among it.
    pub envelopes: usize,
}

impl Rows {
    /// What is in the database `after` and not in `before`, table by table.
    pub fn between(before: &Path, after: &Path) -> Tried<Self> {
        let db = Connection::open(after)?;
        db.execute("ATTACH ?1 AS old", [before.to_string_lossy()])?;
        let g: i64 = db.query_row("SELECT coalesce(max(g), 0) FROM old.envelope", [], |row| row.get(0))?;
        let mut streams = Vec::new();
        let mut envelopes = 0;
        for (table, columns, key) in tables(&db)? {
            let listed = columns.join(", ");
            let sql = if table == "envelope" || table == "body" {
                format!("SELECT {listed} FROM {table} WHERE g > {g} ORDER BY g")
            } else {
                format!("SELECT {listed} FROM main.{table} EXCEPT SELECT {listed} FROM old.{table}")
            };
            let fresh = values(&db, &sql)?;
            if table == "envelope" {
                envelopes = fresh.len();
            }
            let places = vec!["?"; columns.len()].join(", ");
            let renewed: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
            let sql = format!(
                "INSERT INTO {table} ({listed}) VALUES ({places}) ON CONFLICT DO UPDATE SET {}",
                renewed.join(", ")
            );
            streams.push(Stream { sql, rows: fresh, first: table == "writer" });
            if key.is_empty() || table == "envelope" || table == "body" {
                continue;
            }
            let keys = key.join(", ");
            let gone = values(&db, &format!("SELECT {keys} FROM old.{table} EXCEPT SELECT {keys} FROM main.{table}"))?;
            let equal: Vec<String> = key.iter().map(|column| format!("{column} = ?")).collect();
            let sql = format!("DELETE FROM {table} WHERE {}", equal.join(" AND "));
            streams.push(Stream { sql, rows: gone, first: false });
        }
        streams.retain(|stream| !stream.rows.is_empty());
        Ok(Self { streams, envelopes })
    }

    /// Writes all of it into `file`, each transaction its part of every table. How long it took, in seconds.
    pub fn write(&self, file: &Path) -> Tried<f64> {
        let db = Connection::open(file)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA cache_size = -65536;
             PRAGMA secure_delete = FAST;",
        )?;
        db.set_prepared_statement_cache_capacity(256);
        let groups = self.envelopes.div_ceil(GROUP).max(1);
        let (seconds, ()) = timed(|| {
            for group in 0..groups {
                db.execute_batch("BEGIN IMMEDIATE")?;
                for stream in &self.streams {
                    let mut statement = db.prepare_cached(&stream.sql)?;
                    for row in stream.part(group, groups) {
                        statement.execute(params_from_iter(row))?;
                    }
                }
                db.execute_batch("COMMIT")?;
                let waiting: i64 = db
                    .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
                    .query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?;
                if waiting > WAL_PAGES {
                    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
                }
            }
            Ok(())
        })?;
        Ok(seconds)
    }
}

type Table = (String, Vec<String>, Vec<String>);

/// Each table with its columns and its primary key's.
fn tables(db: &Connection) -> Tried<Vec<Table>> {
    let mut query = db.prepare(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
         ORDER BY name <> 'writer', name <> 'envelope', name",
    )?;
    let names: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for name in names {
        let mut query = db.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns: Vec<(String, i64)> =
            query.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let key = columns.iter().filter(|(_, pk)| *pk > 0).map(|(column, _)| column.clone()).collect();
        found.push((name, columns.into_iter().map(|(column, _)| column).collect(), key));
    }
    Ok(found)
}

fn values(db: &Connection, sql: &str) -> Tried<Vec<Vec<Value>>> {
    let mut query = db.prepare(sql)?;
    let columns = query.column_count();
    let rows = query.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}
