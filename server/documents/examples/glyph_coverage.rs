//! Writes `core/src/forms/coverage.bin`, the bitmap of what the form fonts can print, from the fonts themselves. Run by
//! `fonts/make.sh`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let bitmap = nuanfang_documents::fonts::bitmap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/src/forms/coverage.bin");
    std::fs::write(path, bitmap)
}
