//! A database that can't be read any more in places is made anew out of what still can. The damaged file stays beside it for
//! some weeks, for whoever gets more out of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, Params, Row, ffi, params_from_iter};

use super::enrolment::u64_at;
use super::migrate::{beside, folder_of, remove, remove_one, version_of, with_suffix};
use super::{damage_row, outbox_row};
use crate::device::blob::sync_dir;
use crate::device::outbox;
use crate::device::status::Words;
use crate::device::trouble::Trouble;

/// The damaged file, in the place of which there is another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its name.
    pub file: String,
    /// Records that the server had not acknowledged and that could not be read.
    pub records: u64,
}

/// What is in the damaged file, and can't be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Records that the server had not acknowledged.
    pub records: u64,
    /// The last position of the log, whether or not its record was read; 0 where not even that is known.
    pub through: u64,
}

/// What the names of damaged files begin with.
const ASIDE: &str = "phone.damaged";

/// A database from which reading goes on behind what can't be read.
struct Source<F> {
    connection: Connection,
    reopen: F,
}

impl<F: Fn() -> Result<Connection, Trouble>> Source<F> {
    fn open(reopen: F) -> Result<Self, Trouble> {
        Ok(Self { connection: reopen()?, reopen })
    }

    /// Takes rows until one can't be read; says whether all could.
    fn each(
        &mut self,
        sql: &str,
        params: impl Params,
        mut take: impl FnMut(&Row<'_>) -> Result<(), Trouble>,
    ) -> Result<bool, Trouble> {
        let read = || {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query(params)?;
            while let Some(row) = rows.next()? {
                take(row)?;
            }
            Ok(())
        };
        match read() {
            Ok(()) => Ok(true),
            Err(Trouble::Damaged(_)) => {
                // SQLCipher reads nothing more over a connection that met such a page.
                self.connection = (self.reopen)()?;
                Ok(false)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

/// Whether something in the database is not what was written, or is no record as it was logged.
///
/// # Errors
/// What the disk says: what it does not give now it may give the next time.
pub fn is_damaged(path: &Path, connect: impl Fn(&Path) -> Result<Connection, Trouble>) -> Result<bool, Trouble> {
    let connection = connect(path)?;
    let verdict = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    match verdict.map_err(Trouble::from) {
        Ok(verdict) if verdict == "ok" => match outbox_row::altered(&connection) {
            Ok(altered) => Ok(!altered.is_empty()),
            Err(Trouble::Damaged(_)) => Ok(true),
            Err(trouble) => Err(trouble),
        },
        Ok(verdict) => unread(&verdict).map_or(Ok(true), |error| Err(error.into())),
        Err(Trouble::Damaged(_)) => Ok(true),
        Err(trouble) => Err(trouble),
    }
}

/// The disk's error in what the check says of a page that it did not get: that is said like damage.
fn unread(verdict: &str) -> Option<rusqlite::Error> {
    let codes = verdict.split("unable to get the page. error code=").skip(1);
    let codes = codes.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    let mut errors = codes.map(ffi::Error::new);
    errors
        .find(|error| error.code == ErrorCode::SystemIoFailure)
        .map(|error| rusqlite::Error::SqliteFailure(error, None))
}

/// Makes a database of the same schema out of what can still be read of the one at `path`, whole and durable beside it: for
/// [`swap`]. Says where it lies, and what is not in it.
///
/// # Errors
/// [`Trouble::Damaged`] where not even who is enrolled can be read, or what the disk says. The file is as it was.
pub fn salvage(
    path: &Path,
    connect: impl Fn(&Path) -> Result<Connection, Trouble>,
) -> Result<(PathBuf, Lost), Trouble> {
    let (part, fresh) = (beside(path, "salvaging"), beside(path, "salvaged"));
    remove(&fresh)?;
    let done = remove(&part).and_then(|()| salvage_to(&part, path, &connect));
    if done.is_err() {
        // Half of it would take room that saving needs.
        let _ = remove(&part);
    }
    let lost = done?;
    std::fs::rename(&part, &fresh)?;
    Ok((fresh, lost))
}

fn salvage_to(
    to: &Path,
    from: &Path,
    connect: &impl Fn(&Path) -> Result<Connection, Trouble>,
) -> Result<Lost, Trouble> {
    let mut source = Source::open(|| connect(from))?;
    let version = version_of(&source.connection)?;
    let mut schema: Vec<(String, String, String)> = Vec::new();
    let all = source.each(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type <> 'table', rowid",
        [],
        |row| {
            schema.push((row.get(0)?, row.get(1)?, row.get(2)?));
            Ok(())
        },
    )?;
    if !all {
        return Err(Trouble::damaged("sqlite_master"));
    }
    let target = connect(to)?;
    target.execute_batch("BEGIN")?;
    let mut lost = Lost::default();
    for (kind, name, sql) in &schema {
        target.execute_batch(sql)?;
        if kind != "table" {
            continue;
        }
        let all = if sql.contains("WITHOUT ROWID") {
            copy_by_key(&mut source, &target, name)?
        } else {
            copy_by_rowid(&mut source, &target, name)?
        };
        match name.as_str() {
            "enrolment" if !all => return Err(Trouble::Damaged(Words::new("登记资料", "the enrolment"))),
            "outbox" => {
                for n in outbox_row::altered(&target)? {
                    outbox_row::forget(&target, n)?;
                }
                lost = Lost { records: missing_unsent(&mut source, &target)?, through: last_place(&mut source)? };
            }
            // What the office tells is told anew.
            "scope" => target.execute_batch("UPDATE scope SET pos = 0")?,
            _ => {}
        }
    }
    target.execute_batch(&format!("PRAGMA user_version = {version}; COMMIT"))?;
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    target.close().map_err(|(_, error)| error)?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(lost)
}

/// Copies a table from both ends, and between them each row that an index names. Says whether all of it came.
fn copy_by_rowid<F: Fn() -> Result<Connection, Trouble>>(
    source: &mut Source<F>,
    target: &Connection,
    table: &str,
) -> Result<bool, Trouble> {
    let columns = columns(target, table, "1")?;
    let (names, places) = (columns.join(", "), vec!["?"; columns.len() + 1].join(", "));
    let insert = format!("INSERT OR IGNORE INTO {table} (rowid, {names}) VALUES ({places})");
    let select = format!("SELECT rowid, {names} FROM {table}");
    let mut insert = target.prepare(&insert)?;
    let mut keep = |row: &Row<'_>| -> Result<i64, Trouble> {
        let values = (0..=columns.len()).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>()?;
        insert.execute(params_from_iter(values))?;
        Ok(row.get(0)?)
    };
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    if source.each(&format!("{select} ORDER BY rowid"), [], |row| keep(row).map(|rowid| low = rowid))? {
        return Ok(true);
    }
    let backwards = format!("{select} WHERE rowid > ?1 ORDER BY rowid DESC");
    source.each(&backwards, [low], |row| keep(row).map(|rowid| high = rowid))?;
    let mut between = BTreeSet::new();
    source.each(&format!("SELECT rowid FROM {table}"), [], |row| {
        let rowid: i64 = row.get(0)?;
        if low < rowid && rowid < high {
            between.insert(rowid);
        }
        Ok(())
    })?;
    for rowid in between {
        let one = format!("{select} WHERE rowid = ?1");
        // Once more: what is left behind here is left behind for good.
        let _ = source.each(&one, [rowid], |row| keep(row).map(drop))?
            || source.each(&one, [rowid], |row| keep(row).map(drop))?;
    }
    Ok(false)
}

/// The same of a table that is nothing but its key's index.
fn copy_by_key<F: Fn() -> Result<Connection, Trouble>>(
    source: &mut Source<F>,
    target: &Connection,
    table: &str,
) -> Result<bool, Trouble> {
    let columns = columns(target, table, "1")?;
    let (names, places) = (columns.join(", "), vec!["?"; columns.len()].join(", "));
    let mut insert = target.prepare(&format!("INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})"))?;
    for order in ["", " DESC"] {
        let key: Vec<_> = self::columns(target, table, "pk > 0")?.into_iter().map(|column| column + order).collect();
        let select = format!("SELECT {names} FROM {table} ORDER BY {}", key.join(", "));
        let all = source.each(&select, [], |row| {
            let values = (0..columns.len()).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>()?;
            insert.execute(params_from_iter(values))?;
            Ok(())
        })?;
        if all {
            return Ok(true);
        }
    }
    Ok(false)
}

fn columns(connection: &Connection, table: &str, which: &str) -> Result<Vec<String>, Trouble> {
    let mut statement =
        connection.prepare(&format!("SELECT name FROM pragma_table_info(?1) WHERE {which} ORDER BY cid"))?;
    let found = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// How many records of the present device the server has not acknowledged, by the index of `source`, and are not in `target`.
fn missing_unsent<F: Fn() -> Result<Connection, Trouble>>(
    source: &mut Source<F>,
    target: &Connection,
) -> Result<u64, Trouble> {
    let mut here = target.prepare("SELECT 1 FROM outbox WHERE n = ?1")?;
    let mut missing = 0;
    source.each(
        "SELECT n FROM outbox WHERE device = (SELECT device FROM enrolment) AND seq > (SELECT acked FROM enrolment)",
        [],
        |row| {
            missing += u64::from(!here.exists([row.get::<_, i64>(0)?])?);
            Ok(())
        },
    )?;
    Ok(missing)
}

/// The last position of the present device's log, by the index of `source`.
fn last_place<F: Fn() -> Result<Connection, Trouble>>(source: &mut Source<F>) -> Result<u64, Trouble> {
    let mut last = 0;
    let sql = "SELECT seq FROM outbox WHERE device = (SELECT device FROM enrolment) ORDER BY seq DESC LIMIT 1";
    source.each(sql, [], |row| {
        last = u64_at(row, "seq")?;
        Ok(())
    })?;
    Ok(last)
}

/// Puts what [`salvage`] made in the place of the file at `path`, which nobody has open, and that one aside. What was lost is
/// noted in the new one before it has its name: no kill and no full disk parts the two.
///
/// # Errors
/// What the disk says. A start of the app finds one of the two in its place all the same.
pub fn swap(
    path: &Path,
    fresh: &Path,
    lost: Lost,
    connect: impl Fn(&Path) -> Result<Connection, Trouble>,
) -> Result<(), Trouble> {
    let old = connect(path)?;
    // All of it in one file, so that no log of it meets the new one.
    let mode: String = old.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    old.close().map_err(|(_, error)| error)?;
    if mode != "delete" {
        return Err(Trouble::damaged(format!("journal mode {mode}")));
    }
    for suffix in ["-wal", "-shm"] {
        remove_one(&with_suffix(path, suffix))?;
    }
    let dir = folder_of(path);
    let named = |count: u32| if count == 1 { ASIDE.to_owned() } else { format!("{ASIDE}-{count}") };
    let file = (1..).map(named).find(|name| !dir.join(name).exists()).unwrap_or_else(|| ASIDE.to_owned());
    let aside = dir.join(&file);
    note(fresh, &Aside { file, records: lost.records }, lost.through, connect)?;
    // Its name is on the disk before that of the other goes: a power cut leaves one that a start finds.
    sync_dir(dir)?;
    std::fs::rename(path, &aside)?;
    if let Err(error) = std::fs::rename(fresh, path) {
        // Whoever opens next would begin an empty one.
        std::fs::rename(&aside, path)?;
        return Err(error.into());
    }
    sync_dir(dir)
}

/// Notes in the database at `fresh` what it lacks, and what became of its log by that, which went on up to `through`.
fn note(
    fresh: &Path,
    aside: &Aside,
    through: u64,
    connect: impl Fn(&Path) -> Result<Connection, Trouble>,
) -> Result<(), Trouble> {
    let mut new = connect(fresh)?;
    let transaction = new.transaction()?;
    // Notes of earlier ones may be among what could not be read.
    let noted = damage_row::files(&transaction)?;
    for file in asides(folder_of(fresh))?.into_iter().filter(|file| !noted.contains(file)) {
        damage_row::put(&transaction, &Aside { file, records: 0 })?;
    }
    damage_row::put(&transaction, aside)?;
    outbox::go_on_after(&transaction, through)?;
    outbox::hold_fast(&transaction)?;
    transaction.commit()?;
    new.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    new.close().map_err(|(_, error)| error)?;
    Ok(std::fs::File::open(fresh)?.sync_all()?)
}

/// What a start of the app finds of a [`swap`] that was killed: between its two names there is no database at `path`. Where the
/// new one is gone too, the damaged file is better than an empty one, and is put back.
///
/// # Errors
/// What the disk says.
pub fn tidy(path: &Path) -> Result<(), Trouble> {
    let fresh = beside(path, "salvaged");
    let dir = folder_of(path);
    if !path.try_exists()? {
        let found = if fresh.try_exists()? {
            Some(fresh.clone())
        } else {
            asides(dir)?.into_iter().max_by_key(|name| count_of(name)).map(|name| dir.join(name))
        };
        if let Some(found) = found {
            std::fs::rename(found, path)?;
            sync_dir(dir)?;
        }
    }
    remove(&fresh)?;
    remove(&beside(path, "salvaging"))
}

/// Which of the damaged files one is, counted from 1.
fn count_of(name: &str) -> u32 {
    name.rsplit_once('-').and_then(|(_, count)| count.parse().ok()).unwrap_or(1)
}

/// The names of the damaged files that lie in `dir`.
pub fn asides(dir: &Path) -> Result<Vec<String>, Trouble> {
    let names = std::fs::read_dir(dir)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.starts_with(ASIDE)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_the_disk_did_not_give_is_not_taken_for_damaged() {
        let said = |code| {
            format!("*** in database main ***\nTree 4 page 7: unable to get the page. error code={code}\nTree 9")
        };
        for code in [ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ] {
            let error = unread(&format!("{}: {}", said(ffi::SQLITE_CORRUPT), said(code))).unwrap();
            assert_eq!(error.sqlite_error().unwrap().extended_code, code);
            assert!(!matches!(Trouble::from(error), Trouble::Damaged(_)));
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_NOMEM] {
            assert!(unread(&said(code)).is_none(), "SQLCipher says so of a page that changed");
        }
        assert!(unread("row 3 missing from index outbox_visit").is_none());
    }
}
