//! `kill -9`, of the server in the middle of many phones' exchanges and of phones between saving and sending, and pauses of
//! either before it, at moments that a seed chooses: what was said to be saved is there afterwards, exactly once, and goes
//! out without anybody's help.
//!
//! The suite kills nine times, or as often as `KILLS` says; `KILLS_JSON` is the file that then tells of it (`make soak`).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::DeviceId;
use nuanfang_demo::dice::Dice;
use nuanfang_tests::address;
use nuanfang_tests::jotter::Jotter;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use uuid::Uuid;

use crate::company::Company;
use crate::nuanfang::{Server, nuanfang};
use crate::phone::Phone;

/// The database of a folder that nobody serves now.
pub fn database(data: &Path) -> Connection {
    Connection::open_with_flags(data.join("nuanfang.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database")
}

/// The server's log of a device: positions, ids, bodies.
pub fn log_of(db: &Connection, device: DeviceId) -> Vec<(u64, Uuid, String)> {
    let mut query = db
        .prepare(
            "SELECT e.seq, e.op, b.body FROM envelope e JOIN writer w ON w.dev = e.dev JOIN body b ON b.g = e.g
             WHERE w.device = ?1 ORDER BY e.seq",
        )
        .expect("a query");
    let rows = query.query_map([device.0.as_bytes()], |row| {
        Ok((row.get::<_, i64>(0)? as u64, Uuid::from_bytes(row.get(1)?), row.get(2)?))
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// Everything the phones have is on the server, once; every file is whole; every chain stands; rebuilding changes
/// nothing. Returns how many operations and files were looked at.
pub fn everything_is_there(data: &Path, phones: &[&Jotter]) -> usize {
    let db = database(data);
    let mut looked_at = 0;
    for phone in phones {
        let device = phone.app.enrolment().expect("read").expect("enrolled").device;
        let here: Vec<_> = log_of(&db, device).into_iter().map(|(seq, op, _)| (seq, op)).collect();
        assert_eq!(here, phone.log());
        looked_at += here.len();
    }
    let one = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    assert_eq!(one("SELECT count(*) - count(DISTINCT op) FROM envelope"), 0, "each operation once");
    assert_eq!(one("SELECT count(*) FROM blob_need"), 0, "no file is missing");
    assert_eq!(one("SELECT count(*) FROM blob WHERE whole_ms IS NULL OR flag IS NOT NULL"), 0);
    assert_eq!(one("SELECT count(*) FROM outcome WHERE o <> 'applied'"), 0);
    let mut query = db.prepare("SELECT sha FROM blob").expect("a query");
    let shas = query.query_map([], |row| Ok(Sha(row.get(0)?))).expect("rows");
    for sha in shas {
        let name = sha.expect("a hash").to_string();
        let bytes = std::fs::read(data.join("blobs").join(&name[..2]).join(&name)).expect("the file");
        assert_eq!(Sha::of(&bytes).to_string(), name);
        looked_at += 1;
    }
    assert_eq!(std::fs::read_dir(data.join("blobs/part")).expect("a folder").count(), 0, "nothing half-written");
    let said = nuanfang([Path::new("rebuild"), Path::new("--data"), data]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.out.contains("链条无误") && said.out.contains("逐字节一致"), "{said:?}");
    looked_at
}

const PHONES: usize = 5;
/// After so many kills everything is brought together and looked at, and another company begins.
const KILLS_A_DAY: u32 = 100;
const FIRST_SEED: u64 = 598;
/// Bytes of the server's write-ahead log: it is folded back after 32 MiB, a commit brings 8 MiB at most, and pages of its own.
const LOG_BOUND: u64 = 48 * 1024 * 1024;

/// What the kills and pauses met and what was found.
#[derive(Debug, Default, Serialize)]
struct Killed {
    from: u64,
    seeds: u64,
    faults: BTreeMap<&'static str, u64>,
    /// Notes that were said to be saved.
    notes: usize,
    /// Exchanges that met no server.
    cut_off: u64,
    /// Operations and files that were looked at.
    checks: usize,
    /// The longest that the server's write-ahead log was found, bytes.
    log_bytes: u64,
    failures: Vec<String>,
}

impl Killed {
    /// Phones note and send while they and the server are killed; then everything goes out, and is there.
    fn day(&mut self, seed: u64, kills: u32) {
        let mut dice = Dice::new(seed);
        let company = Company::new();
        let data = company.data();
        let listen = address::steady().to_string();
        let mut server = Server::start_at(&data, &listen);
        let (noted, notes) = mpsc::channel();
        // Three minutes are long enough for anything here; after them somebody has stopped for good.
        let next = || notes.recv_timeout(Duration::from_secs(180)).expect("nothing moves any more");
        let mut phones: Vec<Phone> = (1..=PHONES)
            .map(|nth| {
                let phone = Jotter::open(&company.beside(&format!("phone-{nth}")));
                phone.enrol(&company.invite(nth, &server.url));
                phone.visit();
                Phone::new(phone.dir(), nth, &noted)
            })
            .collect();
        for _ in 0..kills {
            // Those of the meantime say nothing of this kill.
            while notes.try_recv().is_ok() {}
            for _ in 0..dice.between(1, 3 * PHONES as i64) {
                next();
            }
            if dice.chance(40) {
                let nth = dice.below(PHONES);
                if dice.chance(50) {
                    server.pause();
                    // What it notes before it waits for the server, it saves without one.
                    phones[nth].kill();
                    while notes.try_recv().is_ok() {}
                    phones[nth].start();
                    while next() != nth + 1 {}
                    server.go_on();
                    *self.faults.entry("server paused").or_default() += 1;
                    *self.faults.entry("phone killed").or_default() += 1;
                } else {
                    phones[nth].pause();
                    // What it said before is out of the pipe once others have gone on.
                    for _ in 0..PHONES {
                        while next() == nth + 1 {}
                    }
                    phones[nth].go_on();
                    while next() != nth + 1 {}
                    *self.faults.entry("phone paused").or_default() += 1;
                }
            }
            let log = std::fs::metadata(data.join("nuanfang.db-wal")).map_or(0, |log| log.len());
            assert!(log <= LOG_BOUND, "{log} bytes of write-ahead log");
            self.log_bytes = self.log_bytes.max(log);
            if dice.chance(50) {
                server.kill();
                server = Server::start_at(&data, &listen);
                *self.faults.entry("server killed").or_default() += 1;
            } else {
                let phone = &mut phones[dice.below(PHONES)];
                phone.kill();
                phone.start();
                *self.faults.entry("phone killed").or_default() += 1;
            }
        }
        phones.iter_mut().for_each(Phone::kill);
        *self.faults.entry("phone killed").or_default() += PHONES as u64;
        let opened: Vec<Jotter> = phones.iter().map(|phone| Jotter::open(phone.dir())).collect();
        for phone in &opened {
            phone.send_all();
        }
        server.stop();
        self.checks += everything_is_there(&data, &opened.iter().collect::<Vec<_>>());
        let db = database(&data);
        for (phone, said) in opened.iter().zip(phones.iter().map(Phone::said)) {
            let device = phone.app.enrolment().expect("read").expect("enrolled").device;
            let bodies: Vec<_> = log_of(&db, device).into_iter().map(|(.., body)| body).collect();
            for n in &said.saved {
                let note = format!("示例第 {n} 条");
                let here = bodies.iter().filter(|body| body.contains(&note)).count();
                assert_eq!(here, 1, "{note} was said to be saved");
            }
            self.notes += said.saved.len();
            self.cut_off += said.cut_off;
        }
    }
}

#[test]
fn phones_and_server_killed_at_any_moment_have_everything_once() {
    let mut left = std::env::var("KILLS").map_or(9, |kills| kills.parse().expect("a number"));
    let mut killed = Killed { from: FIRST_SEED, ..Killed::default() };
    while left > 0 {
        let kills = left.min(KILLS_A_DAY);
        let seed = FIRST_SEED + killed.seeds;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| killed.day(seed, kills))) {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
            killed.failures.push(format!("kills of seed {seed}: {}", said.unwrap_or_default()));
        }
        killed.seeds += 1;
        left -= kills;
    }
    if let Some(file) = std::env::var_os("KILLS_JSON") {
        std::fs::write(file, serde_json::to_vec_pretty(&killed).expect("JSON")).expect("written");
    }
    assert!(killed.failures.is_empty(), "{killed:?}");
    assert!(killed.faults.len() == 4 && killed.cut_off > 0, "the kills met exchanges under way: {killed:?}");
}
