//! The strokes of a signature, as the file whose hash a record holds: integer units of the pad, with time.

use serde::{Deserialize, Serialize};

use crate::canon::json::{self, Fault};

/// A handwritten signature. The file's bytes are its canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strokes {
    /// 1.
    pub schema: u32,
    /// Width of the pad, in the units of the points.
    pub width: u32,
    /// Height of the pad.
    pub height: u32,
    /// From pen down to pen up, in order: points as [x, y, milliseconds since the first touch].
    pub strokes: Vec<Vec<[i32; 3]>>,
}

impl Strokes {
    /// The file's bytes.
    ///
    /// # Errors
    /// Never in fact: it holds integers below 2³² only.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Fault> {
        json::strict(self)
    }

    /// Whether anything was written: a tap is no signature.
    pub fn is_blank(&self) -> bool {
        self.strokes.iter().map(Vec::len).sum::<usize>() < 3
    }
}
