//! What hundreds of phones do all day (B3): ask whether there is anything new when there is not. The probe is axum
//! that gives the same bytes back. The bench itself sees that nothing is written and that the answer is short.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use nuanfang_core::id::WorkerId;
use nuanfang_server::enrolment;
use nuanfang_server::store::StoreError;
use tempfile::TempDir;
use uuid::Uuid;

use super::line::Line;
use super::load::{Phone, Sender};
use super::town::Town;
use super::{Bench, Figure, Run, Size, Tried, Value, scratch};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B3",
    name: "exchanges that bring nothing and find nothing, 16 phones",
    unit: "exchanges/s",
    probe: "axum answering a POST with the bytes that came",
    value: Value::OfProbe,
    goal: Some(0.5),
}];

/// The longest answer to such an exchange, bytes.
const ANSWER: usize = 300;

/// The bench.
pub struct Idle {
    town: Town,
    _folder: TempDir,
    phones: Vec<Phone>,
    exchanges: usize,
}

impl Idle {
    /// Enrols phones that have nothing to say.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let town = Town::open(&folder.path().join("data"))?;
        let mut line = Line::open(town.addr())?;
        let phones = (0..size.of(16, 2))
            .map(|_| Phone::enrol(&mut line, enrolment::issue(&town.state().vault, WorkerId(Uuid::new_v4()))?))
            .collect::<Tried<_>>()?;
        Ok(Self { _folder: folder, town, phones, exchanges: size.of(500, 3) })
    }

    /// What only grows. What devices said of themselves is written down now and then, for all of them at once.
    fn written(town: &Town) -> Tried<i64> {
        const SQL: &str =
            "SELECT (SELECT max(g) FROM envelope) + (SELECT count(*) FROM feed) + (SELECT count(*) FROM outcome)
             + (SELECT count(*) FROM record)";
        Ok(town.state().store.read_now::<_, StoreError>(|db| Ok(db.query_row(SQL, [], |row| row.get(0))?))?)
    }
}

impl Bench for Idle {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let town = &self.town;
        let mut senders =
            self.phones.iter().map(|phone| Sender::open(phone, town.addr())).collect::<Tried<Vec<_>>>()?;
        let (mut question, mut answer) = (0, 0);
        for sender in &mut senders {
            // Whatever the feeds still had is read; this one finds nothing.
            sender.ask_for_news()?;
            (question, answer) = sender.ask_for_news()?;
        }
        if answer > ANSWER {
            return Err(format!("an answer that says nothing has {answer} bytes").into());
        }
        let before = Self::written(town)?;
        let many = self.exchanges;
        // Made beforehand: what phones do to ask is not the server's work.
        let asking = senders
            .into_iter()
            .map(|sender| {
                let questions = (0..many).map(|_| sender.question()).collect::<Tried<Vec<_>>>()?;
                Ok((sender, questions))
            })
            .collect::<Tried<Vec<_>>>()?;
        let measured = at_once(asking, |(sender, questions)| {
            questions.iter().try_for_each(|question| sender.ask(question).map(drop))
        })?;
        if Self::written(town)? != before {
            return Err("an exchange that brings nothing wrote something".into());
        }
        let echo = Echo::open()?;
        let bytes = vec![b'x'; question];
        let lines = self.phones.iter().map(|_| Line::open(echo.addr)).collect::<Tried<Vec<_>>>()?;
        let probe = at_once(lines, |line| (0..many).try_for_each(|_| line.post("/", "", &[&bytes]).map(drop)))?;
        let all = (many * self.phones.len()) as f64;
        Ok(vec![Run { measured: all / measured, probe: all / probe }])
    }
}

/// Has everybody do the same at the same time; until the last is done, in seconds.
fn at_once<T: Send>(all: Vec<T>, work: impl Fn(&mut T) -> Tried<()> + Sync) -> Tried<f64> {
    let start = Barrier::new(all.len() + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .into_iter()
            .map(|mut one| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(&mut one)
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        for thread in threads {
            thread.join().map_err(|_| "a phone panicked")??;
        }
        Ok(began.elapsed().as_secs_f64())
    })
}

/// A server that gives back what it is given.
struct Echo {
    addr: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Echo {
    fn open() -> Tried<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))?;
        let addr = listener.local_addr()?;
        let app = Router::new().route("/", post(|body: Bytes| async move { body }));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Ok(Self { addr, _runtime: runtime })
    }
}
