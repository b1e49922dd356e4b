use nuanfang_core::device::photo::{self, LONGEST_SIDE};
use nuanfang_core::device::signature;
use nuanfang_core::record::Strokes;
use nuanfang_core::wire::jpeg;

use crate::samples;
use crate::shape::shape;

/// Larger ones are left to the tests by example: a try would last as long as decoding them does.
const PIXELS: u64 = 1 << 20;

/// Pictures, as a camera or a pad gives them: kept as what can be read again, or refused. Of a photo nothing is left but
/// the picture, which is prepared once more as it is.
pub fn picture(input: &[u8]) {
    let bytes = shape(input, samples::pictures());
    let seen = jpeg::dimensions(&bytes).unwrap_or_default();
    if u64::from(seen.0) * u64::from(seen.1) <= PIXELS
        && let Ok(kept) = photo::prepare(&bytes)
    {
        assert_eq!(jpeg::dimensions(&kept.jpeg).ok(), Some((kept.width, kept.height)));
        assert!(kept.width.max(kept.height) <= LONGEST_SIDE);
        let again = photo::prepare(&kept.jpeg).expect("what was kept once");
        assert_eq!((again.width, again.height), (kept.width, kept.height));
        assert_eq!(again.claims, Default::default(), "nothing of the camera's is left in it");
    }
    let written = Strokes { schema: 1, width: 100, height: 40, strokes: vec![vec![[1, 1, 0], [9, 9, 16]]] };
    if let Err(refused) = signature::read(&written, &bytes) {
        assert!(refused.code.starts_with("signature."));
    }
}
