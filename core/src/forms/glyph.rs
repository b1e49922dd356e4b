//! Which characters the form fonts can print, and what old systems meant by private-use code points. Asked at import
//! and at input, on the phone too, so that a name that cannot be printed is found where it can be mended
//! (FORMATS §6). Both tables are made from the fonts and from GB 18030 by `server/documents/fonts/make.sh`.

use unicode_normalization::UnicodeNormalization;

/// The length of the bitmap: one bit for each code point of planes 0 to 3.
pub const COVERAGE_BYTES: usize = 0x4_0000 / 8;

static COVERAGE: &[u8; COVERAGE_BYTES] = include_bytes!("coverage.bin");
static PRIVATE_USE: &str = include_str!("private_use.tsv");

/// The bitmap itself: bit `c & 7` of byte `c >> 3`.
pub fn coverage() -> &'static [u8; COVERAGE_BYTES] {
    COVERAGE
}

/// Whether the form fonts can print `c`. A line feed counts as printable; other control characters do not.
pub fn has_glyph(c: char) -> bool {
    let code = c as usize;
    c == '\n' || COVERAGE.get(code >> 3).is_some_and(|byte| byte >> (code & 7) & 1 == 1)
}

/// The characters of `text` that no form font has, each once, in the order they appear. Ask it of text that went
/// through [`normalise_text`].
pub fn missing_glyphs(text: &str) -> Vec<char> {
    let mut missing = Vec::new();
    for c in text.chars().filter(|c| !has_glyph(*c)) {
        if !missing.contains(&c) {
            missing.push(c);
        }
    }
    missing
}

/// `text` as the system keeps it: NFC, private-use code points of old Chinese character sets replaced by the
/// characters they stood for (U+E863 → 䶮), line ends as a line feed, tabs and other control characters as a space.
pub fn normalise_text(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mapped = text.chars().map(|c| match c {
        '\n' => c,
        '\r' => '\n',
        _ if c.is_control() => ' ',
        '\u{E000}'..='\u{F8FF}' => from_private_use(c).unwrap_or(c),
        _ => c,
    });
    mapped.nfc().collect()
}

fn from_private_use(c: char) -> Option<char> {
    let parse = |hex: &str| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
    PRIVATE_USE.lines().find_map(|line| {
        let (private, character) = line.split_once('\t')?;
        if parse(private)? == c { parse(character) } else { None }
    })
}
