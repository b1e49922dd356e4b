//! Opening a workbook that a stranger may have made: size first, then how far it unpacks, then its sheets.

use std::io::{Cursor, Read};

use calamine::{Reader, Xlsx};
use zip::ZipArchive;

use super::fault::Fault;

/// A workbook must be smaller than this.
pub const FILE_LIMIT: u64 = 50_000_000;

/// What all its parts may unpack to, together. The ledger of 100,000 households is a third of it.
const UNPACKED_LIMIT: u64 = 1_500_000_000;

/// Parts a workbook may have.
const PART_LIMIT: usize = 2_000;

/// An open workbook.
pub(super) type Workbook<'a> = Xlsx<Cursor<&'a [u8]>>;

/// Opens `bytes`, or says why not.
pub(super) fn open(bytes: &[u8]) -> Result<Workbook<'_>, Fault> {
    if bytes.len() as u64 >= FILE_LIMIT {
        return Err(Fault::TooLarge(FILE_LIMIT));
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(Fault::NotXlsx);
    }
    weigh(bytes, UNPACKED_LIMIT)?;
    Xlsx::new(Cursor::new(bytes)).map_err(|_| Fault::NotXlsx)
}

/// Unpacks every part into nothing, so that what is too large is found before any of it is kept: the sizes that a
/// zip claims of itself are no more than claims.
fn weigh(bytes: &[u8], limit: u64) -> Result<(), Fault> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Fault::NotXlsx)?;
    if archive.len() > PART_LIMIT {
        return Err(Fault::Bomb);
    }
    let mut left = limit;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| Fault::NotXlsx)?;
        let unpacked = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|_| Fault::NotXlsx)?;
        left = left.checked_sub(unpacked).ok_or(Fault::Bomb)?;
    }
    Ok(())
}

/// The sheet called `name`, white space apart; else the only one there is, if `sole` will do.
pub(super) fn find_sheet(book: &Workbook<'_>, name: &str, sole: bool) -> Option<String> {
    let names = book.sheet_names();
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    names
        .iter()
        .find(|found| squeezed(found) == name)
        .or_else(|| if sole && names.len() == 1 { names.first() } else { None })
        .cloned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn what_unpacks_to_more_than_it_may_is_not_read() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("xl/worksheets/sheet1.xml", SimpleFileOptions::default()).expect("a part");
        writer.write_all(&vec![b' '; 2_000_000]).expect("its bytes");
        let bytes = writer.finish().expect("a zip").into_inner();
        assert!(bytes.len() < 10_000, "it is small as long as it is packed");
        assert_eq!(weigh(&bytes, 1_999_999), Err(Fault::Bomb));
        assert_eq!(weigh(&bytes, 2_000_000), Ok(()));
    }

    #[test]
    fn a_file_that_is_no_workbook_is_told_from_one_that_is_too_large() {
        for bytes in [&b"not at all"[..], b"PK\x03\x04", b"", b"\xd0\xcf\x11\xe0an old .xls"] {
            assert!(matches!(open(bytes), Err(Fault::NotXlsx)));
        }
        let large = vec![0; FILE_LIMIT as usize];
        assert!(matches!(open(&large), Err(Fault::TooLarge(FILE_LIMIT))));
    }
}
