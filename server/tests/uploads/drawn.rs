//! Any sequence of requests for a phone's files, beside what the files then have to be.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::role;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::code;
use crate::common::{House, Phone, few};

const VISIT: VisitId = VisitId(Uuid::from_u128(0xa11));
const WORKER: WorkerId = WorkerId(Uuid::from_u128(1));

/// What `Upload-Offset` says.
#[derive(Debug, Clone)]
enum Offset {
    Missing,
    Told,
    /// The offset told, with something before and after it.
    Dressed(&'static str, &'static str),
    Beside(i8),
    Number(u64),
    Bytes(Vec<u8>),
}

/// What comes as the piece.
#[derive(Debug, Clone)]
enum Piece {
    /// So many of the right bytes, as far as there are.
    Right(u16),
    /// All that is missing.
    Rest,
    /// All that is missing, one byte of it another.
    Wrong(u16),
    /// More than is missing.
    Long(u8),
    Bytes(Vec<u8>),
}

/// How its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    InOrder,
    /// The connection breaks, and the server hears of it.
    Broken,
    /// It breaks, and nobody waits for the answer any more.
    Left,
}

#[derive(Debug, Clone)]
enum Step {
    Patch { file: u8, offset: Offset, piece: Piece, chunk: u16, end: End },
    Restart,
}

fn offset() -> impl Strategy<Value = Offset> {
    let dress = |before, after| Just(Offset::Dressed(before, after));
    prop_oneof![
        12 => Just(Offset::Told),
        1 => Just(Offset::Missing),
        1 => prop_oneof![
            dress("+", ""), dress("-", ""), dress("0", ""), dress(" ", ""), dress("", " "), dress("", ".0"), dress("", ", 0"),
        ],
        1 => any::<i8>().prop_map(Offset::Beside),
        1 => prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Offset::Number),
        1 => vec(any::<u8>(), 0..24).prop_map(Offset::Bytes),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => any::<u16>().prop_map(Piece::Right),
        3 => Just(Piece::Rest),
        2 => any::<u16>().prop_map(Piece::Wrong),
        2 => (1..=u8::MAX).prop_map(Piece::Long),
        1 => vec(any::<u8>(), 0..64).prop_map(Piece::Bytes),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![6 => Just(End::InOrder), 2 => Just(End::Broken), 1 => Just(End::Left)];
    let patch = (any::<u8>(), offset(), piece(), 1..2_000_u16, end);
    prop_oneof![
        12 => patch.prop_map(|(file, offset, piece, chunk, end)| Step::Patch { file, offset, piece, chunk, end }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(few(16))]

    #[test]
    fn whatever_is_sent_as_a_file_it_is_whole_only_as_itself_and_goes_on_from_what_was_told(
        lens in vec(prop_oneof![1 => Just(0_u16), 9 => 1..3_000_u16], 1..=2),
        steps in vec(step(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(play(&lens, steps));
    }
}

/// What the server was told of a file, and told of it.
struct File {
    bytes: Vec<u8>,
    sha: Sha,
    /// What it has to hold by now: what was taken, up to the offset told.
    held: Vec<u8>,
    whole: bool,
}

impl File {
    fn missing(&self) -> usize {
        self.bytes.len() - self.held.len()
    }

    fn header(&self, offset: &Offset) -> Option<HeaderValue> {
        let told = self.held.len() as u64;
        let bytes = match offset {
            Offset::Missing => return None,
            Offset::Told => told.to_string().into_bytes(),
            Offset::Dressed(before, after) => format!("{before}{told}{after}").into_bytes(),
            Offset::Beside(by) => (i128::from(told) + i128::from(*by)).to_string().into_bytes(),
            Offset::Number(number) => number.to_string().into_bytes(),
            Offset::Bytes(bytes) => bytes.clone(),
        };
        HeaderValue::from_bytes(&bytes).ok()
    }

    fn body(&self, piece: &Piece) -> Vec<u8> {
        let rest = &self.bytes[self.held.len()..];
        match piece {
            Piece::Right(some) => rest[..rest.len().min(usize::from(*some))].to_vec(),
            Piece::Rest => rest.to_vec(),
            Piece::Wrong(at) => {
                let mut rest = rest.to_vec();
                if let Some(len) = rest.len().checked_sub(1) {
                    rest[usize::from(*at) % (len + 1)] ^= 1;
                }
                rest
            }
            Piece::Long(more) => [rest, &vec![7; usize::from(*more)]].concat(),
            Piece::Bytes(bytes) => bytes.clone(),
        }
    }

    /// The answer that a piece has to get.
    fn expects(&self, header: Option<&HeaderValue>, body: &[u8], end: End) -> (StatusCode, &'static str) {
        if self.whole {
            return (StatusCode::NO_CONTENT, "");
        }
        let said = header.map_or(&b""[..], HeaderValue::as_bytes);
        if said != self.held.len().to_string().as_bytes() {
            let number = std::str::from_utf8(said).ok().and_then(|text| Some((text, text.parse::<u64>().ok()?)));
            return match number {
                Some((text, number)) if number.to_string() == text => (StatusCode::CONFLICT, "blob.offset"),
                _ => (StatusCode::BAD_REQUEST, "blob.offset_missing"),
            };
        }
        let right = || [&self.held[..], body].concat() == self.bytes;
        match end {
            _ if body.len() > self.missing() => (StatusCode::BAD_REQUEST, "blob.too_long"),
            End::Broken => (StatusCode::BAD_REQUEST, "blob.truncated"),
            _ if body.len() == self.missing() && !right() => (StatusCode::UNPROCESSABLE_ENTITY, "blob.hash"),
            _ => (StatusCode::NO_CONTENT, ""),
        }
    }
}

async fn play(lens: &[u16], steps: Vec<Step>) {
    let mut house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    let contents =
        lens.iter().enumerate().map(|(n, len)| (0..*len).map(move |at| (at % 251) as u8 ^ n as u8).collect());
    let mut files: Vec<File> = Vec::new();
    for bytes in contents.collect::<Vec<Vec<u8>>>() {
        if files.iter().all(|file| file.bytes != bytes) {
            files.push(File { sha: Sha::of(&bytes), held: Vec::new(), whole: false, bytes });
        }
    }
    let named = |file: &File| BlobRef { sha: file.sha, len: file.bytes.len() as u64, role: role::PHOTO_OTHER.into() };
    let blobs = files.iter().map(named).collect();
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, blobs);
    assert_eq!(phone.sync(&house).await.need.len(), files.len());
    for step in steps {
        match step {
            Step::Restart => {
                house = house.reopen().await;
                phone.come_back(&house).await;
                for file in &mut files {
                    stands(&house, &phone, file, &[]).await;
                }
            }
            Step::Patch { file, offset, piece, chunk, end } => {
                let at = usize::from(file) % files.len();
                patch(&house, &phone, &mut files[at], &offset, &piece, usize::from(chunk), end).await;
            }
        }
    }
    for file in &mut files {
        for _ in 0..3 {
            patch(&house, &phone, file, &Offset::Told, &Piece::Rest, 1_000, End::InOrder).await;
        }
        assert!(file.whole, "sent as it is, it comes to be whole");
        assert_eq!(house.state.blobs.read(&file.sha).expect("it reads"), Some(file.bytes.clone()));
    }
    assert!(phone.sync(&house).await.need.is_empty());
}

/// Sends a piece, and compares the answer, and where the file stands then, with what they have to be.
async fn patch(house: &House, phone: &Phone, file: &mut File, offset: &Offset, piece: &Piece, chunk: usize, end: End) {
    let (header, body) = (file.header(offset), file.body(piece));
    let (expected, why) = file.expects(header.as_ref(), &body, end);
    let read = !file.whole && !why.starts_with("blob.offset");
    let mut request =
        Request::patch(format!("/v1/blobs/{}", file.sha)).header("authorization", format!("Bearer {}", phone.token));
    if let Some(header) = header {
        request = request.header("upload-offset", header);
    }
    let Some((status, headers, answer)) = send(house, request, &body, chunk, end).await else {
        // Whoever writes may still be at it.
        while house.state.blobs.lease(file.sha).is_none() {
            yield_now().await;
        }
        return stands(house, phone, file, &body).await;
    };
    let answer_code = if answer.is_empty() { String::new() } else { code(&answer) };
    assert_eq!((status, answer_code.as_str()), (expected, why));
    match why {
        "" if read => {
            file.held.extend_from_slice(&body);
            file.whole = file.missing() == 0;
        }
        "blob.hash" => file.held.clear(),
        _ => {}
    }
    if let Some(told) = headers.get("upload-offset") {
        assert_eq!(*told, *file.held.len().to_string());
        assert_eq!(headers["upload-complete"] == "?1", file.whole, "whole is only what has the bytes of its name");
    }
    let cut = why == "blob.too_long" || why == "blob.truncated";
    stands(house, phone, file, if cut { &body } else { &[] }).await;
}

/// Asks where a file stands: where it stood, or beyond it by some of `perhaps`, which was on its way when it was cut.
async fn stands(house: &House, phone: &Phone, file: &mut File, perhaps: &[u8]) {
    let request =
        Request::head(format!("/v1/blobs/{}", file.sha)).header("authorization", format!("Bearer {}", phone.token));
    let (status, headers, _) = house.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["upload-length"], *file.bytes.len().to_string());
    assert_eq!(headers["upload-complete"] == "?1", file.whole, "whole is only what has the bytes of its name");
    assert_eq!(house.state.blobs.has(&file.sha), file.whole);
    let told: usize = headers["upload-offset"].to_str().expect("text").parse().expect("a number");
    let most = (file.held.len() + perhaps.len()).min(file.bytes.len());
    assert!((file.held.len()..=most).contains(&told), "{told} of {}..={most}", file.held.len());
    let more = told - file.held.len();
    file.held.extend_from_slice(&perhaps[..more]);
}

/// Sends `body` in chunks. `None` if nobody waited for the answer.
async fn send(
    house: &House,
    request: axum::http::request::Builder,
    body: &[u8],
    chunk: usize,
    end: End,
) -> Option<(StatusCode, HeaderMap, Bytes)> {
    let (chunks, coming) = mpsc::channel::<io::Result<Bytes>>(1);
    let request = request.body(Body::from_stream(ReceiverStream::new(coming))).expect("a request");
    let feed = async move {
        for chunk in body.chunks(chunk) {
            chunks.send(Ok(Bytes::copy_from_slice(chunk))).await?;
        }
        match end {
            End::InOrder => {}
            End::Broken => chunks.send(Err(io::Error::other("cut"))).await?,
            // There is room for one: the second fits once all before the first is taken.
            End::Left => {
                chunks.send(Ok(Bytes::new())).await?;
                chunks.send(Ok(Bytes::new())).await?;
                return Ok(());
            }
        }
        drop(chunks);
        std::future::pending::<Result<(), mpsc::error::SendError<_>>>().await
    };
    let answer = house.send(request);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => Some(answer),
        fed = feed => match fed {
            Ok(()) => None,
            // It was answered before it was read.
            Err(_) => Some(answer.await),
        },
    }
}
