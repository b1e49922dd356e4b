//! How a body travels: packed with zstd, and with a dictionary where both ends have it.

use std::io::{self, Cursor, Read};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::stream::read::Decoder;
use zstd::zstd_safe::get_dict_id_from_frame;

use crate::wire::dictionary::{DICTIONARIES, Dictionary};

/// A body larger than this is packed, in bytes.
const PACK_FROM: usize = 1024;
const LEVEL: i32 = 3;
/// Bodies of so many bytes are packed with a dictionary: it makes something of short ones too, and long ones teach zstd by
/// themselves what it would tell.
const WITH_DICTIONARY: RangeInclusive<usize> = 256..=256 * 1024;
/// One byte in six less than at level 3, for a tenth of a second at most: the radio costs more.
const LEVEL_WITH_DICTIONARY: i32 = 19;
/// The largest window a frame may ask a phone's memory for, as a power of two: 8 MiB, as at the server's end.
const WINDOW_LOG: u32 = 23;
/// A frame's header is no longer.
const HEADER: u64 = 18;

/// Made once: it takes longer than packing a body with it.
struct Prepared {
    id: u32,
    encoder: EncoderDictionary<'static>,
    decoder: DecoderDictionary<'static>,
}

static PREPARED: LazyLock<Vec<Prepared>> = LazyLock::new(|| {
    let prepare = |dictionary: &Dictionary| {
        let encoder = EncoderDictionary::try_copy(dictionary.bytes, LEVEL_WITH_DICTIONARY).ok()?;
        Some(Prepared { id: dictionary.id, encoder, decoder: DecoderDictionary::try_copy(dictionary.bytes).ok()? })
    };
    DICTIONARIES.iter().filter_map(prepare).collect()
});

/// `body` as a zstd frame, with the dictionary of this id where one is named; `None` where it should go as it is.
pub fn pack(body: &[u8], dictionary: Option<u32>) -> Option<Vec<u8>> {
    let dictionary = dictionary.filter(|_| WITH_DICTIONARY.contains(&body.len()));
    match dictionary.and_then(|id| PREPARED.iter().find(|prepared| prepared.id == id)) {
        Some(prepared) => zstd::bulk::Compressor::with_prepared_dictionary(&prepared.encoder).ok()?.compress(body).ok(),
        None if body.len() > PACK_FROM => zstd::bulk::compress(body, LEVEL).ok(),
        None => None,
    }
}

/// Reads what zstd frames hold, `limit` bytes of it at most, whichever of our dictionaries they are packed with.
///
/// # Errors
/// What the source says, and where the bytes are no such frames.
pub fn unpack(mut packed: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    packed.by_ref().take(HEADER).read_to_end(&mut head)?;
    let id = get_dict_id_from_frame(&head);
    let packed = io::BufReader::new(Cursor::new(head).chain(packed));
    let mut decoder = match id.and_then(|id| PREPARED.iter().find(|prepared| prepared.id == id.get())) {
        Some(prepared) => Decoder::with_prepared_dictionary(packed, &prepared.decoder)?,
        None => Decoder::with_buffer(packed)?,
    };
    decoder.window_log_max(WINDOW_LOG)?;
    let mut out = Vec::new();
    decoder.take(limit).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_frame_that_asks_for_much_memory_is_refused() {
        let frame = |window| {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).expect("an encoder");
            encoder.window_log(window).expect("a window");
            encoder.write_all(b"a body").and_then(|()| encoder.flush()).expect("written");
            encoder.finish().expect("a frame")
        };
        assert_eq!(unpack(&frame(WINDOW_LOG)[..], 9).expect("it is small enough"), b"a body");
        assert!(unpack(&frame(WINDOW_LOG + 1)[..], 9).is_err());
    }

    #[test]
    fn a_frame_of_a_format_before_1_0_is_refused_like_any_other_bytes() {
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
        assert_eq!(unpack(&frame[..], 9).expect("an empty frame"), b"");
        for version in 0x22..=0x27 {
            let old = [version, 0xb5, 0x2f, 0xfd, 0, 0xff, 2, 0x1e];
            assert!(unpack(&old[..], 9).is_err(), "{version:x}");
            assert!(unpack(&[&frame[..], &old].concat()[..], 9).is_err(), "{version:x} after another frame");
        }
    }
}
