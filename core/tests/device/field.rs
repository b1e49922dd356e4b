//! A field app for the tests: a worker with badge and instruments, one planned visit, a clock in his hand.

use std::sync::Arc;

use image::{ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};
use nuanfang_core::canon::envelope::Envelope;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::{Config, Connect, FieldApp};
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::courier::Transport;
use nuanfang_core::device::desk_view::FieldVisit;
use nuanfang_core::device::signing::SignRequest;
use nuanfang_core::domain::command::{DraftLine, QuoteDraft};
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::{AnswerState, Channel, ItemAnswer, Mask, Outcome};
use nuanfang_core::domain::measurement::MeasurementPurpose;
use nuanfang_core::domain::office_event::{Appointment, Assigned, VisitPlan};
use nuanfang_core::domain::signature::{Purpose, Signer, SignerRole};
use nuanfang_core::domain::worker_event::{
    Arrived, ChargeTold, ChargedLine, Completed, Departed, Entered, ItemsAnswered, MeasurementStarted, Opened,
    PriceListShown, ProblemDescribed,
};
use nuanfang_core::domain::{Command, DeciCelsius, Fen, Place, VisitKind, Window};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{HouseholdId, InstrumentId, VisitId};
use nuanfang_core::record::{Jws, SignedRecordBody, SoftwareKey, Strokes};
use nuanfang_core::time::Millis;
use uuid::Uuid;

use crate::fake_server::{CODE, COMPANY_SCOPE, FakeServer};

/// 2026-11-23 09:00 in Beijing.
pub const MORNING: Millis = Millis(1_795_395_600_000);
pub const MINUTE: u64 = 60_000;
pub const HOUSEHOLD: HouseholdId = HouseholdId(Uuid::from_u128(5));
pub const INSTRUMENT: InstrumentId = InstrumentId(Uuid::from_u128(71));

pub struct Field {
    pub app: FieldApp,
    pub clock: Arc<SoftwareClock>,
    pub server: FakeServer,
    pub visit: VisitId,
    pub dir: tempfile::TempDir,
}

pub fn invitation() -> String {
    format!("http://127.0.0.1:1 {CODE}")
}

pub fn nowhere() -> Place {
    Place::None { reason: "no_signal".into() }
}

pub fn strokes() -> Strokes {
    Strokes { schema: 1, width: 800, height: 300, strokes: vec![vec![[10, 20, 0], [90, 110, 40], [300, 80, 120]]] }
}

fn signature_png() -> Vec<u8> {
    let image = ImageBuffer::from_fn(200, 80, |x, y| Luma([if (x / 3) == y { 0u8 } else { 255 }]));
    let mut out = Vec::new();
    image.write_to(&mut std::io::Cursor::new(&mut out), ImageFormat::Png).unwrap();
    out
}

/// A camera's picture; another seed, another picture.
pub fn jpeg(seed: &str) -> Vec<u8> {
    picture(seed, 400, 300)
}

/// The same in any size: a small one is sooner made.
pub fn picture(seed: &str, width: u32, height: u32) -> Vec<u8> {
    let [red, green, blue, ..] = Sha::of(seed.as_bytes()).0;
    let image: RgbImage = ImageBuffer::from_fn(width, height, |x, y| {
        Rgb([red ^ ((x % 256) as u8), green ^ ((y % 256) as u8), blue ^ ((x * y % 256) as u8)])
    });
    let mut out = Vec::new();
    image.write_to(&mut std::io::Cursor::new(&mut out), ImageFormat::Jpeg).unwrap();
    out
}

pub fn problem(text: &str) -> Command {
    Command::DescribeProblem(ProblemDescribed { text: text.to_owned() })
}

pub fn not_done() -> Command {
    Command::Complete(Completed { outcome: Outcome::NotDone, reason: Some("已改派".into()), next_window: None })
}

/// What a worker does until he is in the home, in its order.
pub fn way_in() -> [Command; 5] {
    let tick = ItemAnswer { item: "F7-1".into(), state: AnswerState::Satisfied, ground: None, note: None };
    [
        Command::Acknowledge,
        Command::AnswerItems(ItemsAnswered { answers: vec![tick] }),
        Command::Depart(Departed { tools_checked: true, parts: vec![] }),
        Command::Arrive(Arrived { place: nowhere() }),
        Command::Enter(Entered { knocked: true, permitted: true, shoe_covers: true, mask: Mask::NotNeeded }),
    ]
}

/// An ordinary measurement.
pub fn routine() -> MeasurementStarted {
    MeasurementStarted {
        protocol: "745-M2".into(),
        instrument: INSTRUMENT,
        purpose: MeasurementPurpose::Routine,
        weather: "晴".into(),
        outdoor: Some(DeciCelsius(-50)),
        window_open: false,
        extra_heater: false,
        radiators_covered: false,
        reason: None,
        note: None,
    }
}

fn open(dir: &std::path::Path, server: &FakeServer, clock: &Arc<SoftwareClock>, key: SoftwareKey) -> FieldApp {
    let way: Arc<dyn Transport> = Arc::new(server.clone());
    let connect: Connect = Arc::new(move |_, _| Ok(Arc::clone(&way)));
    FieldApp::open_over(Config::new(dir), Arc::new(key), clock.clone(), connect).unwrap()
}

/// The key that the platform keeps.
fn own_key() -> SoftwareKey {
    SoftwareKey::from_secret(&[9; 32]).unwrap()
}

impl Field {
    /// Enrolled, nothing known yet.
    pub fn new(server: &FakeServer) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SoftwareClock::at(MORNING));
        let app = open(dir.path(), server, &clock, own_key());
        app.enrol(&invitation(), "测试机").unwrap();
        server.with(|state| state.now = MORNING);
        Self { app, clock, server: server.clone(), visit: VisitId(Uuid::from_u128(0x77)), dir }
    }

    /// Enrolled, synced, with one visit of `kind` at nine.
    pub fn with_visit(kind: VisitKind) -> Self {
        let field = Self::new(&FakeServer::new());
        field.tell_registers();
        field.tell_visit(kind, &[]);
        field.app.sync_once().unwrap();
        field
    }

    /// The office's plan of the visit: what was scheduled, at nine, and how the office changed it since.
    pub fn tell_visit(&self, kind: VisitKind, changes: &[Event]) {
        self.tell_plan(kind, false, changes);
    }

    /// A leak that the office plans, at nine.
    pub fn tell_emergency(&self) {
        self.tell_plan(VisitKind::Repair, true, &[]);
    }

    fn tell_plan(&self, kind: VisitKind, emergency: bool, changes: &[Event]) {
        let plan = VisitPlan {
            kind,
            household: HOUSEHOLD,
            window: Some(Window { from: MORNING, until: MORNING.plus_minutes(60) }),
            scope: "客厅散热器不热".into(),
            assignee: Some(self.server.with(|state| state.worker)),
            price_list: Some(Sha::of(b"prices")),
            protocol: Some("745-M2".into()),
            agreed: None,
            emergency,
            appointment: Some(Appointment { channel: Channel::Phone, agreed_at: MORNING.plus_minutes(-600) }),
            note: None,
            follows: None,
        };
        let mut events = vec![Event::VisitScheduled(plan)];
        events.extend_from_slice(changes);
        let assigned = events.iter().rposition(|event| matches!(event, Event::VisitScheduled(_) | Event::Assigned(_)));
        let (version, lane) = (events.len() as u64, assigned.unwrap() as u64 + 1);
        let told = |(event, seq): (&Event, u64)| {
            serde_json::json!({
                "kind": event.kind(),
                "op": Uuid::from_u128(seq.into()), "device": Uuid::from_u128(2), "seq": seq,
                "worker": Uuid::from_u128(3), "at": MORNING.plus_minutes(-600),
                "body": serde_json::from_str::<serde_json::Value>(&event.to_body("00")).unwrap(),
            })
        };
        let plan: Vec<serde_json::Value> = events.iter().zip(1..).map(told).collect();
        let entity = serde_json::json!({
            "id": self.visit, "version": version, "lane": lane, "household": HOUSEHOLD, "open": true, "plan": plan,
        });
        let scope = self.server.worker_scope();
        self.server.put(&scope, "visit", &self.visit.to_string(), version, &entity.to_string());
    }

    /// Another worker opened the visit at the door, and the office gave it to this one.
    pub fn tell_opened_elsewhere(&self) {
        let own = self.server.with(|state| state.worker);
        let opened =
            Opened { kind: VisitKind::Repair, household: HOUSEHOLD, reason: "示例：漏水".into(), emergency: true };
        let events = [
            (Uuid::from_u128(9), Event::Opened(opened)),
            (Uuid::from_u128(2), Event::Assigned(Assigned { assignee: own, reason: None })),
        ];
        let told = |(device, event): &(Uuid, Event)| {
            serde_json::json!({
                "kind": event.kind(), "op": device, "device": device, "seq": 1, "worker": Uuid::from_u128(3),
                "at": MORNING, "body": serde_json::from_str::<serde_json::Value>(&event.to_body("00")).unwrap(),
            })
        };
        let entity = serde_json::json!({
            "id": self.visit, "version": 1, "lane": 1, "household": HOUSEHOLD, "open": true,
            "plan": events.iter().map(told).collect::<Vec<_>>(),
        });
        self.server.put(&self.server.worker_scope(), "visit", &self.visit.to_string(), 1, &entity.to_string());
    }

    /// The office knows of the visit that this phone opened, and left it with its worker.
    pub fn tell_own_opening(&self) {
        let (envelope, body) = self.sent("visit.opened");
        let event = serde_json::json!({
            "kind": "visit.opened", "op": envelope.op, "device": envelope.device, "seq": envelope.seq,
            "worker": envelope.worker, "at": MORNING, "body": body,
        });
        let entity = serde_json::json!({
            "id": self.visit, "version": 0, "lane": 0, "household": HOUSEHOLD, "open": true, "plan": [event],
        });
        self.server.put(&self.server.worker_scope(), "visit", &self.visit.to_string(), 1, &entity.to_string());
    }

    pub fn tell_registers(&self) {
        self.tell_company();
        self.tell_household();
    }

    /// The company with its instrument, and the worker's own badge: no dwelling.
    pub fn tell_company(&self) {
        let scope = self.server.worker_scope();
        let worker = self.server.with(|state| state.worker);
        let company = serde_json::json!({
            "supplier": Uuid::from_u128(0x50), "name": "示例供热有限公司", "phone": "010-0000000",
            "fingerprint": Sha::of(b"root"),
        });
        self.server.put(COMPANY_SCOPE, "company", "company", 1, &company.to_string());
        let instrument = serde_json::json!({
            "id": INSTRUMENT, "number": "T-01", "model": "示例", "certificate": "示例-T-01",
            "verified_on": "2025-12-01", "valid_until": "2026-11-30", "correction_deci_celsius": -1,
        });
        self.server.put(COMPANY_SCOPE, "instrument", &INSTRUMENT.to_string(), 1, &instrument.to_string());
        let own = serde_json::json!({
            "id": worker, "name": "张师傅", "badge_number": "示例-007", "badge_valid_until": "2027-03-31",
            "skills": ["维修员"], "preseason_deci_hours": 240, "theory_passed": true, "practical_passed": true,
        });
        self.server.put(&scope, "worker", &worker.to_string(), 1, &own.to_string());
    }

    pub fn tell_household(&self) {
        let household = serde_json::json!({
            "id": HOUSEHOLD, "address": "示例小区1号楼2单元301", "community": "示例小区", "building": "1号楼",
            "unit": "2单元", "floor": "3", "room": "301", "owner_name": "王示例",
            "owner_phone_masked": "138****0001",
            "fields": {"热源站": "示例热力站", "相对热源距离": "近", "房屋位置": "边户"},
        });
        let scope = self.server.worker_scope();
        self.server.put(&scope, "household", &HOUSEHOLD.to_string(), 1, &household.to_string());
    }

    /// The process dies and starts again in the same folder.
    pub fn killed(self) -> Self {
        self.killed_with(own_key())
    }

    /// The same; the platform's keystore has another key by then.
    pub fn killed_with(self, key: SoftwareKey) -> Self {
        self.begun_again(std::mem::forget, key)
    }

    /// The app is closed, and opened again in the same folder.
    pub fn reopened(self) -> Self {
        self.begun_again(drop, own_key())
    }

    fn begun_again(self, end: fn(FieldApp), key: SoftwareKey) -> Self {
        let Self { app, clock, server, visit, dir } = self;
        end(app);
        let app = open(dir.path(), &server, &clock, key);
        Self { app, clock, server, visit, dir }
    }

    pub fn visit(&self) -> FieldVisit {
        self.app.visit(self.visit).unwrap()
    }

    pub fn act(&self, command: &Command) -> FieldVisit {
        let shown = self.app.act(self.visit, command, &[]).unwrap_or_else(|refusal| panic!("{command:?}: {refusal:?}"));
        assert_eq!(shown, self.visit(), "what an act shows is what is there");
        shown
    }

    pub fn act_with(&self, command: &Command, role: &str) -> FieldVisit {
        let photo = self.app.capture_photo(self.visit, role, &jpeg(role)).unwrap();
        let shown = self.app.act(self.visit, command, &[photo.sha]).unwrap();
        assert_eq!(shown, self.visit(), "what an act shows is what is there");
        shown
    }

    pub fn go_in(&self) {
        for command in way_in() {
            if matches!(command, Command::Arrive(_)) {
                self.clock.advance_ms(5 * MINUTE);
            }
            self.act(&command);
        }
    }

    pub fn quote(&self, material: i64, change: Option<&str>) {
        self.quote_line(material, false, change);
    }

    pub fn quote_free(&self, change: &str) {
        self.quote_line(10_000, true, Some(change));
    }

    fn quote_line(&self, material: i64, free: bool, change: Option<&str>) {
        let line = DraftLine {
            line: "L1".into(),
            code: "V1".into(),
            name: "更换温控阀".into(),
            unit: "个".into(),
            quantity_milli: 1000,
            material: Fen(material),
            labour: Fen(5000),
            tax_rate_bp: 900,
            free,
            own_material: false,
            warranty_days: 365,
        };
        self.act(&Command::ShowQuote(QuoteDraft {
            lines: vec![line],
            price_list: Sha::of(b"prices"),
            price_list_version: "示例 2026-1".into(),
            expected_minutes: 90,
            change: change.map(str::to_owned),
        }));
    }

    pub fn tell_and_show(&self) {
        let line = ChargedLine { line: "L1".into(), name: "换阀".into(), amount: Fen(15_000) };
        self.act(&Command::TellCharge(ChargeTold { lines: vec![line] }));
        let list = PriceListShown { price_list: Sha::of(b"prices"), version: "示例 2026-1".into() };
        self.act(&Command::ShowPriceList(list));
    }

    pub fn sign(&self, purpose: Purpose) -> Result<FieldVisit, Refusal> {
        let preview = self.app.prepare_record(self.visit, &purpose)?;
        self.sign_shown(purpose, preview.shown_sha)
    }

    pub fn sign_shown(&self, purpose: Purpose, shown_sha: Sha) -> Result<FieldVisit, Refusal> {
        let shown = self.app.sign(
            self.visit,
            &SignRequest {
                purpose,
                signer: Signer { name: "王示例".into(), role: SignerRole::Owner },
                strokes: strokes(),
                image_png: signature_png(),
                keep_strokes: true,
                shown_sha,
                photos: Vec::new(),
                witness: None,
                place: nowhere(),
            },
        )?;
        assert_eq!(shown, self.visit(), "what a signature shows is what is there");
        Ok(shown)
    }

    pub fn complete(&self, outcome: Outcome) {
        let view = self.visit().view;
        let open = view.checklist.iter().filter(|item| item.tickable);
        let answers = open
            .map(|item| ItemAnswer { item: item.id.clone(), state: AnswerState::Satisfied, ground: None, note: None })
            .collect();
        self.act(&Command::AnswerItems(ItemsAnswered { answers }));
        self.act(&Command::Complete(Completed { outcome, reason: None, next_window: None }));
    }

    pub fn certificate(&self) -> Jws {
        let connection = rusqlite::Connection::open(self.dir.path().join("phone.db")).unwrap();
        let text: String = connection.query_row("SELECT certificate FROM enrolment", [], |row| row.get(0)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Files with a row, and those of them beside the database: what lies there without one is counted too.
    pub fn blob_count(&self) -> (usize, usize) {
        let connection = rusqlite::Connection::open(self.dir.path().join("phone.db")).unwrap();
        let rows: i64 = connection.query_row("SELECT count(*) FROM blob", [], |row| row.get(0)).unwrap();
        (rows as usize, std::fs::read_dir(self.dir.path().join("blobs")).unwrap().count())
    }

    /// The file that holds a photo.
    pub fn file_of(&self, sha: Sha) -> std::path::PathBuf {
        let connection = rusqlite::Connection::open(self.dir.path().join("phone.db")).unwrap();
        let sql = "SELECT file FROM blob WHERE sha = ?1";
        let file: String = connection.query_row(sql, [sha.0], |row| row.get(0)).unwrap();
        self.dir.path().join("blobs").join(file)
    }

    /// The disk loses the file that holds a photo.
    pub fn lose_file(&self, sha: Sha) {
        std::fs::remove_file(self.file_of(sha)).unwrap();
    }

    /// A record can't be read any more.
    pub fn spoil_record(&self, seq: i64) {
        let connection = rusqlite::Connection::open(self.dir.path().join("phone.db")).unwrap();
        connection.execute("UPDATE outbox SET body = '{' WHERE seq = ?1", [seq]).unwrap();
    }

    /// The first operation of a kind the server has, with its body.
    pub fn sent(&self, kind: &str) -> (Envelope, serde_json::Value) {
        let device = self.app.enrolment().unwrap().unwrap().device;
        self.server.with(|state| {
            let ops = &state.logs[&device].ops;
            let at = ops.iter().position(|(op, _)| op.kind == kind).unwrap();
            let prev = if at == 0 { Sha::ZERO } else { ops[at - 1].1 };
            let op = &ops[at].0;
            (op.envelope(device, prev), serde_json::from_str(op.body.get()).unwrap())
        })
    }

    /// All signed records the server has.
    pub fn records(&self) -> Vec<SignedRecordBody> {
        let device = self.app.enrolment().unwrap().unwrap().device;
        let bodies: Vec<String> =
            self.server.with(|state| state.logs[&device].ops.iter().map(|(op, _)| op.body.get().to_owned()).collect());
        let jws = bodies.iter().filter_map(|body| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            serde_json::from_str::<Jws>(body.get("jws")?.as_str()?).ok()
        });
        jws.map(|jws| jws.open::<SignedRecordBody>().unwrap().statement).collect()
    }
}
