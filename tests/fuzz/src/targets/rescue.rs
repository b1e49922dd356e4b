use std::sync::LazyLock;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::wire::rescue::{Frame, Opener, TAG, Unread};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::samples;
use crate::shape::{Sample, Script, change};

/// The golden file's key.
const ROOT: [u8; 32] = [7; 32];

struct Golden {
    file: Vec<u8>,
    frames: Vec<String>,
}

static GOLDEN: LazyLock<Golden> = LazyLock::new(|| {
    let file = samples::golden("rescue.bin");
    let (frames, end) = open(&file);
    end.expect("the golden file opens");
    Golden { file, frames }
});

/// A rescue file: any bytes are read or refused; a golden file with other bytes in it is never read to its end and
/// gives nothing but what it held; and what a phone that is no phone of ours seals to the supplier's key is read as
/// far as it makes sense.
pub fn rescue(input: &[u8]) {
    let mut script = Script::new(input);
    match script.byte().unwrap_or(0) % 4 {
        0 => {
            let _ = open(script.rest());
        }
        1 => altered(script),
        2 => {
            let bytes = change(script, std::slice::from_ref(&*GOLDEN_SAMPLE));
            let (frames, end) = open(&bytes);
            assert!(end.is_err() || bytes == GOLDEN.file, "a changed file was read to its end");
            assert!(GOLDEN.frames.starts_with(&frames), "a changed file gave what the phone never wrote");
        }
        _ => {
            let plain = plain(script);
            let _ = open(&sealed(&plain));
        }
    }
}

static GOLDEN_SAMPLE: LazyLock<Sample> = LazyLock::new(|| Sample::of(GOLDEN.file.clone()));

/// One byte of it is another, or it ends early.
fn altered(mut script: Script<'_>) {
    let mut file = GOLDEN.file.clone();
    let at = script.number() % file.len();
    match script.byte().unwrap_or(1) {
        0 => file.truncate(at),
        with => file[at] ^= with,
    }
    let (frames, end) = open(&file);
    assert!(end.is_err(), "a changed or cut file was read to its end");
    assert!(GOLDEN.frames.starts_with(&frames), "a changed file gave what the phone never wrote");
}

fn open(file: &[u8]) -> (Vec<String>, Result<(), Unread>) {
    let kid = SoftwareKey::from_secret(&ROOT).expect("a secret").public().thumbprint();
    let mut frames = Vec::new();
    let mut opener = match Opener::begin(file, |name| (*name == kid).then_some(ROOT)) {
        Ok(opener) => opener,
        Err(why) => return (frames, Err(why)),
    };
    loop {
        match opener.read() {
            Ok(Frame::End) => return (frames, Ok(())),
            Ok(frame) => frames.push(format!("{frame:?}")),
            Err(why) => return (frames, Err(why)),
        }
    }
}

/// Frames as nobody but a forger writes them: kind, length and content each as the script says.
fn plain(mut script: Script<'_>) -> Vec<Vec<u8>> {
    let mut chunks = vec![Vec::new()];
    while let Some(step) = script.byte() {
        let kind = b"HOFEHOFX"[usize::from(step % 8)];
        let body = match kind {
            b'H' => samples_of_heads()[0].bytes().to_vec(),
            b'O' => samples_of_heads()[1].bytes().to_vec(),
            b'F' => vec![step; usize::from(step)],
            _ => Vec::new(),
        };
        let body = match step >> 4 {
            0..8 => body,
            8 => change(
                Script::new(&[0, step, script.byte().unwrap_or(0), script.byte().unwrap_or(0), step]),
                samples_of_heads(),
            ),
            9 => body[..body.len() / 2].to_vec(),
            10 => vec![b'['; usize::from(script.byte().unwrap_or(0)) * 8],
            _ => {
                let from = script.number().min(1024);
                std::iter::repeat_with(|| script.byte().unwrap_or(b' ')).take(from % 64).collect()
            }
        };
        let len = match script.byte() {
            Some(0xff) => u64::MAX,
            Some(0xfe) => 256 * 1024 * 1024,
            Some(0xfd) => body.len() as u64 + 1,
            Some(0xfc) => body.len().saturating_sub(1) as u64,
            _ => body.len() as u64,
        };
        if step & 0x80 != 0 && step & 1 == 0 {
            chunks.push(Vec::new());
        }
        let chunk = chunks.last_mut().expect("there is always one");
        chunk.push(kind);
        chunk.extend_from_slice(&len.to_be_bytes());
        chunk.extend_from_slice(&body);
        if chunks.len() > 8 {
            break;
        }
    }
    chunks
}

fn samples_of_heads() -> &'static [Sample] {
    static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let told: serde_json::Value = serde_json::from_slice(&samples::golden("rescue.json")).expect("golden JSON");
        [&told["frames"][0]["H"], &told["frames"][1]["O"]]
            .map(|value| Sample::of(value.to_string().into_bytes()))
            .into()
    });
    &SAMPLES
}

/// Seals chunks to the golden file's key, the last of them as the last.
fn sealed(chunks: &[Vec<u8>]) -> Vec<u8> {
    let public = SoftwareKey::from_secret(&ROOT).expect("a secret").public();
    let key = <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(&public.to_sec1()).expect("a key");
    // The same for the same input, so that coverage has one cause.
    let mut dice = StdRng::seed_from_u64(7);
    let (enc, mut context) =
        hpke::setup_sender::<AesGcm256, HkdfSha256, DhP256HkdfSha256, _>(&OpModeS::Base, &key, TAG, &mut dice)
            .expect("a context");
    let kid: Sha = public.thumbprint();
    let mut out = [TAG, kid.0.as_slice(), enc.to_bytes().as_slice()].concat();
    for (at, chunk) in chunks.iter().enumerate() {
        let sealed = context.seal(chunk, &[u8::from(at + 1 == chunks.len())]).expect("it seals");
        out.extend_from_slice(&u32::try_from(sealed.len()).expect("short").to_be_bytes());
        out.extend_from_slice(&sealed);
    }
    out
}
