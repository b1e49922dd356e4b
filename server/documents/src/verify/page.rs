//! Whether the page shows what was signed: it is drawn again from what is attached and compared.

use lopdf::Document;
use nuanfang_core::forms::{CellKind, PrintedForm};
use nuanfang_core::record::{Check, Part, RecordFile, SignedRecordBody, Verdict};

use crate::page::{Frame, RENDERER};
use crate::paper::{Paper, print};
use crate::seal::layout::{self, Found};

/// Adds to the verdict whether the page is the record's.
pub(super) fn judge(
    pdf: &[u8],
    found: Option<&Found>,
    record: &[u8],
    image: Option<&[u8]>,
    frame: Frame,
    verdict: &mut Verdict,
) {
    let edition = frame.renderer.clone();
    if edition != RENDERER {
        let end = found.map_or(pdf.len(), |found| found.end);
        let same = form(record).is_some_and(|form| reads_as(&pdf[..end], &form));
        verdict.note(
            format!("页面由另一版式（{edition}）排版，本程序按文字比对"),
            format!("the page was drawn by another edition ({edition}); its text was compared"),
        );
        return verdict.add(if same {
            Check::passed(Part::PageText, "文字与签字记录一致", "the text is the record's")
        } else {
            Check::failed(Part::PageText, "文字与签字记录不一致", "the text is not the record's")
        });
    }
    let at = frame.issued_at_ms;
    let drawn = match print(&Paper { record, signature_image: image, frame }) {
        Ok(drawn) => drawn.pdf,
        Err(why) => {
            return verdict.add(Check::failed(
                Part::PageText,
                format!("无法按记录重绘：{why}"),
                "the page cannot be drawn from the record",
            ));
        }
    };
    let same = match found {
        // The update that holds the seal is part of the comparison: nothing may hide in it.
        Some(found) => layout::prepare(&drawn, at).is_ok_and(|again| {
            again.contents == found.contents
                && again.bytes.len() == found.end
                && again.bytes[..again.contents.start] == pdf[..found.contents.start]
                && again.bytes[again.contents.end..] == pdf[found.contents.end..found.end]
        }),
        None => pdf.starts_with(&drawn),
    };
    verdict.add(if same {
        Check::passed(
            Part::PageText,
            "按签字记录重绘，逐字节一致",
            "drawn again from the record, byte for byte the same",
        )
    } else {
        Check::failed(Part::PageText, "与按签字记录重绘的页面不一致", "it is not the page drawn from the record")
    });
}

fn form(record: &[u8]) -> Option<PrintedForm> {
    let RecordFile::Whole(container) = RecordFile::parse(record).ok()? else { return None };
    Some(container.record.open::<SignedRecordBody>().ok()?.statement.form)
}

/// Whether the file's text holds that of every cell, in reading order.
fn reads_as(pdf: &[u8], form: &PrintedForm) -> bool {
    let Ok(document) = Document::load_mem(pdf) else { return false };
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    let Ok(text) = document.extract_text(&pages) else { return false };
    let text = bare(&text);
    let (spanning, plain): (Vec<_>, Vec<_>) = expected(form).into_iter().partition(|piece| piece.spanning);
    let mut from = 0;
    let in_order = plain.iter().all(|piece| match piece.position(&text, from) {
        Some(at) => {
            from = at + piece.text.len();
            true
        }
        None => false,
    });
    in_order && spanning.iter().all(|piece| piece.position(&text, 0).is_some())
}

/// What a cell must read as.
struct Piece {
    text: String,
    /// It reaches over rows, and so is drawn after cells that stand behind it.
    spanning: bool,
}

impl Piece {
    /// Where it stands in `text` from `from` on. A tick before it would be one that is not in the record.
    fn position(&self, text: &str, from: usize) -> Option<usize> {
        let mut places = text.get(from..)?.match_indices(self.text.as_str()).map(|(at, _)| from + at);
        places.find(|at| !text[..*at].ends_with(TICK))
    }
}

const TICK: char = '√';

/// What each cell must read as, in the order the page is drawn: continuation pages come last.
fn expected(form: &PrintedForm) -> Vec<Piece> {
    let (last, first): (Vec<_>, Vec<_>) = form.tables.iter().partition(|table| table.new_page);
    let cells = first.into_iter().chain(last).flat_map(|table| &table.rows).flat_map(|row| &row.cells);
    let pieces = cells.map(|cell| {
        let text = if cell.kind == CellKind::Office { "" } else { cell.text.as_str() };
        let mut piece = bare(&format!("{}{text}", cell.label));
        for choice in &cell.choices {
            piece.extend(choice.checked.then_some(TICK));
            piece += &bare(&choice.label);
        }
        Piece { text: piece, spanning: cell.row_span > 1 }
    });
    let title = Piece { text: bare(&form.title), spanning: false };
    std::iter::once(title).chain(pieces).filter(|piece| !piece.text.is_empty()).collect()
}

/// Without white space, which a page does not keep.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
