//! A visit changes hands while the whole office watches its boards (B17): five hundred listeners on the stream of
//! changes, and how long until the last of them but one in a hundred knows. The time runs from the dispatcher's word,
//! so the commit with its sync is in it. The probe is that commit: the same word until it is on the disk.

use std::time::{Duration, Instant};

use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::Assigned;
use nuanfang_core::id::{VisitId, WorkerId};
use nuanfang_server::office::OfficeAct;
use nuanfang_server::office::registers::SYSTEM;
use nuanfang_server::store::StoreError;
use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

use super::town::{LOGIN, PASSWORD, Town};
use super::{Bench, Figure, Run, Size, Tried, Value, median, p99, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B17",
    name: "a visit reassigned with 500 listeners: until 99 of 100 are told, the commit included",
    unit: "ms",
    probe: "the same until it is committed, median",
    value: Value::Measured,
    goal: Some(50.0),
}];

/// A poke that has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bench.
pub struct Listeners {
    town: Town,
    visit: VisitId,
    workers: Vec<WorkerId>,
    turn: u64,
    changes: usize,
    heard: UnboundedReceiver<Instant>,
    listeners: usize,
    // Stopped before the server: it holds the connections.
    listening: Option<Runtime>,
    _folder: TempDir,
}

impl Listeners {
    /// Opens the boards.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let (town, _, planned) = Town::with_visits(folder.path(), WorkerId(Uuid::new_v4()), 1)?;
        let workers: Vec<WorkerId> =
            town.ids("SELECT id FROM worker ORDER BY badge_number")?.into_iter().map(WorkerId).collect();
        town.add_dispatcher()?;
        let listeners = size.of(500, 3);
        let listening = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (tell, heard) = unbounded_channel();
        let url = format!("http://{}", town.addr());
        listening.block_on(async {
            let client = Client::builder().cookie_store(true).no_proxy().build()?;
            let login = json!({ "login": LOGIN, "password": PASSWORD });
            client
                .post(format!("{url}/api/session"))
                .header("x-nuanfang", "1")
                .json(&login)
                .send()
                .await?
                .error_for_status()?;
            for _ in 0..listeners {
                let stream = client.get(format!("{url}/api/board/events")).send().await?.error_for_status()?;
                tokio::spawn(listen(stream, tell.clone()));
            }
            Tried::Ok(())
        })?;
        Ok(Self {
            town,
            visit: *planned.first().ok_or("no visit")?,
            workers,
            turn: 0,
            changes: size.of(40, 2),
            heard,
            listeners,
            listening: Some(listening),
            _folder: folder,
        })
    }

    /// Gives the visit to the next worker. How long the commit took and when each listener heard, in milliseconds.
    fn reassign(&mut self) -> Tried<(f64, Vec<f64>)> {
        let town = &self.town;
        self.turn += 1;
        let assignee = self.workers[self.turn as usize % self.workers.len()];
        let event = Event::Assigned(Assigned { assignee, reason: Some("示例：路途较近".into()) });
        let act = OfficeAct::about(self.visit, self.turn, event);
        let began = Instant::now();
        let (commit, _) = timed(|| {
            Ok(town.state().office.append_blocking::<StoreError, _>(WorkerId(SYSTEM), vec![act], |_| Ok(()))?)
        })?;
        let listening = self.listening.as_ref().ok_or("nobody listens")?;
        let (heard, listeners) = (&mut self.heard, self.listeners);
        let times = listening.block_on(async {
            let mut times = Vec::with_capacity(listeners);
            while times.len() < listeners {
                let at = tokio::time::timeout(PATIENCE, heard.recv()).await?.ok_or("the streams ended")?;
                times.push(at.duration_since(began).as_secs_f64() * 1e3);
            }
            Tried::Ok(times)
        })?;
        Ok((commit * 1e3, times))
    }
}

/// Notes when each change arrives.
async fn listen(mut stream: reqwest::Response, tell: UnboundedSender<Instant>) {
    while let Ok(Some(chunk)) = stream.chunk().await {
        let pokes = chunk.windows(b"event: visit".len()).filter(|window| *window == b"event: visit").count();
        let at = Instant::now();
        if (0..pokes).any(|_| tell.send(at).is_err()) {
            return;
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.shutdown_background();
        }
    }
}

impl Bench for Listeners {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (mut commits, mut heard) = (Vec::new(), Vec::new());
        for _ in 0..self.changes {
            let (commit, times) = self.reassign()?;
            commits.push(commit);
            heard.extend(times);
        }
        Ok(vec![Run { measured: p99(&heard), probe: median(&commits) }])
    }
}
