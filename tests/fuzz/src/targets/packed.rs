use std::io::{self, Read};
use std::sync::LazyLock;

use nuanfang_core::device::packing::{pack, unpack};
use nuanfang_core::wire::dictionary::DICTIONARIES;

use crate::samples;
use crate::shape::{Sample, Script, shape};

/// More than any sample, less than a bomb.
const LIMIT: usize = 64 * 1024;

/// What an answer is unpacked from: any bytes hold something or are refused, never more of it than may be; however they
/// come in, it is the same; and whatever goes into a frame comes out of it, with a dictionary and without.
pub fn packed(input: &[u8]) {
    let mut script = Script::new(input);
    if script.byte().unwrap_or(0).is_multiple_of(4) {
        return travels(script.rest());
    }
    let bytes = shape(script.rest(), &FRAMES);
    match (unpack(&bytes[..], LIMIT as u64), unpack(Drops(&bytes), LIMIT as u64)) {
        (Ok(at_once), Ok(in_drops)) => {
            assert!(at_once.len() <= LIMIT);
            assert!(at_once == in_drops, "it depends on how the bytes come in");
            let half = at_once.len() / 2;
            assert!(unpack(&bytes[..], half as u64).expect("half of it is there") == at_once[..half]);
        }
        // What is broken lies behind what may be read.
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => assert_eq!(one.len(), LIMIT, "it depends on how the bytes come in"),
        (Err(_), Err(_)) => {}
    }
}

fn travels(body: &[u8]) {
    for dictionary in DICTIONARIES.iter().map(|dictionary| Some(dictionary.id)).chain([None, Some(77_777)]) {
        if let Some(frame) = pack(body, dictionary) {
            assert_eq!(unpack(&frame[..], LIMIT as u64).expect("what was packed unpacks"), body);
        }
    }
}

/// Hands out one byte at a time, as a bad network may.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let one = into.len().min(1);
        self.0.read(&mut into[..one])
    }
}

/// Frames of each dictionary and of none, two in a row, one that holds far more than may be read, and an empty one.
static FRAMES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let replies = samples::replies().iter().map(Sample::bytes);
    let ids = DICTIONARIES.iter().map(|dictionary| Some(dictionary.id)).chain([None]);
    let frames = replies.flat_map(|reply| ids.clone().filter_map(|id| pack(reply, id)));
    let mut frames: Vec<_> = frames.collect();
    let twice = frames.first().map(|frame| frame.repeat(2));
    frames.extend(twice);
    frames.extend(pack(&vec![b' '; 1024 * 1024], None));
    frames.push(vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00]);
    frames.into_iter().map(Sample::of).collect()
});
