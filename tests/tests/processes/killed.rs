//! `kill -9`, of the server in the middle of many phones' exchanges and of phones between saving and sending: what was
//! said to be saved is there afterwards, exactly once, and goes out without anybody's help.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::DeviceId;
use nuanfang_tests::address;
use nuanfang_tests::jotter::Jotter;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::company::Company;
use crate::nuanfang::{Server, nuanfang};

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
/// nothing.
pub fn everything_is_there(data: &Path, phones: &[&Jotter]) {
    let db = database(data);
    for phone in phones {
        let device = phone.app.enrolment().expect("read").expect("enrolled").device;
        let here: Vec<_> = log_of(&db, device).into_iter().map(|(seq, op, _)| (seq, op)).collect();
        assert_eq!(here, phone.log());
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
    }
    assert_eq!(std::fs::read_dir(data.join("blobs/part")).expect("a folder").count(), 0, "nothing half-written");
    let said = nuanfang([Path::new("rebuild"), Path::new("--data"), data]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.out.contains("链条无误") && said.out.contains("逐字节一致"), "{said:?}");
}

/// Which server the phones speak to, and how much they have noted: who can't get through waits for the next one.
#[derive(Default)]
struct Day {
    state: Mutex<(u32, u32)>,
    news: Condvar,
}

impl Day {
    fn server(&self) -> u32 {
        self.state.lock().expect("whole").0
    }

    fn noted(&self) {
        self.state.lock().expect("whole").1 += 1;
        self.news.notify_all();
    }

    fn wait_for_notes(&self, enough: u32) {
        self.wait_while(|(_, notes)| *notes < enough);
    }

    fn next_server(&self) {
        self.state.lock().expect("whole").0 += 1;
        self.news.notify_all();
    }

    fn wait_for_server_after(&self, last: u32) {
        self.wait_while(|(server, _)| *server <= last);
    }

    /// Three minutes are long enough for anything here; after them somebody has stopped for good.
    fn wait_while(&self, unready: impl Fn(&mut (u32, u32)) -> bool) {
        let state = self.state.lock().expect("whole");
        let (state, late) = self.news.wait_timeout_while(state, Duration::from_secs(180), unready).expect("whole");
        drop(state);
        assert!(!late.timed_out(), "nothing moves any more");
    }
}

const PHONES: usize = 6;
const NOTES: u32 = 12;
const KILLS: u32 = 4;

#[test]
fn a_server_killed_in_the_middle_of_many_exchanges_has_everything_once() {
    let company = Company::new();
    let data = company.data();
    let listen = address::steady().to_string();
    let mut server = Server::start_at(&data, &listen);
    let phones: Vec<Jotter> = (1..=PHONES)
        .map(|nth| {
            let phone = Jotter::open(&company.beside(&format!("phone-{nth}")));
            phone.enrol(&company.invite(nth, &server.url));
            phone
        })
        .collect();
    let day = Day::default();
    let failures = std::thread::scope(|scope| {
        let working: Vec<_> = phones
            .iter()
            .map(|phone| {
                let day = &day;
                scope.spawn(move || {
                    let mut failures = 0;
                    for n in 0..NOTES {
                        phone.note(n);
                        day.noted();
                        let mut server = day.server();
                        while let Err(refusal) = phone.sync() {
                            assert_eq!(refusal.code, "sync.no_network", "{refusal:?}");
                            failures += 1;
                            day.wait_for_server_after(server);
                            server = day.server();
                        }
                    }
                    failures
                })
            })
            .collect();
        for kill in 1..=KILLS {
            day.wait_for_notes(kill * PHONES as u32 * NOTES / (KILLS + 1));
            server.kill();
            server = Server::start_at(&data, &listen);
            day.next_server();
        }
        working.into_iter().map(|phone| phone.join().expect("a phone")).sum::<u32>()
    });
    assert!(failures > 0, "the kills met exchanges under way");
    for phone in &phones {
        assert_eq!(phone.send_all().acked, u64::from(NOTES + NOTES / 3) + 1);
    }
    server.stop();
    everything_is_there(&data, &phones.iter().collect::<Vec<_>>());
}

#[test]
fn a_phone_killed_between_saving_and_sending_sends_everything_once() {
    let company = Company::new();
    let server = Server::start(&company.data());
    let dir = company.beside("phone");
    {
        let phone = Jotter::open(&dir);
        phone.enrol(&company.invite(1, &server.url));
        phone.visit();
    }
    let mut next = 0;
    for round in 0..5 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_phone-process"))
            .arg(&dir)
            .arg(next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the phone starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe"))
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("saved ")?.parse::<u32>().ok())
            .find(|n| *n >= next + round);
        child.kill().expect("killed");
        child.wait().expect("gone");
        // One more may have been saved, but not told: its number is used again, under another operation.
        next = said.expect("it saved") + 1;
    }
    let phone = Jotter::open(&dir);
    phone.send_all();
    server.stop();
    everything_is_there(&company.data(), &[&phone]);
    let device = phone.app.enrolment().expect("read").expect("enrolled").device;
    let bodies: Vec<_> = log_of(&database(&company.data()), device).into_iter().map(|(.., body)| body).collect();
    for n in 0..next {
        let told = format!("示例第 {n} 条");
        assert!(bodies.iter().any(|body| body.contains(&told)), "{told} was said to be saved");
    }
}
