//! The ledger of a supplier that does not exist: households in the exact 50 columns of Annex G.1 with 补充信息 beside
//! them, a price list, workers, instruments. Plausible and awkward, all of it marked 示例, and written as real .xlsx
//! that goes in through the door every company uses.

mod community;
mod household;
mod names;
mod register;
mod sheet;

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use nuanfang_server::office::ledger::{
    G1_COLUMNS, G1_SHEET, INSTRUMENT_COLUMNS, INSTRUMENT_SHEET, PRICE_COLUMNS, PRICE_SHEET, SUPPLEMENT_COLUMNS,
    SUPPLEMENT_SHEET, WORKER_COLUMNS, WORKER_SHEET,
};

pub use self::register::{EXPIRED_INSTRUMENT, UNTRAINED_BADGE, badge};
pub use self::sheet::{Row, Value, Written, write};

/// The supplier. It does not exist.
pub const SUPPLIER: &str = "示例供热有限公司";

/// How many households the day's ledger has.
pub const HOUSEHOLDS: usize = 1_200;

/// The seed of everything generated.
pub const SEED: u64 = 598;

/// All registers of one supplier.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// 热用户信息台账, one row a household.
    pub households: Vec<Row>,
    /// 补充信息, one row a household.
    pub supplement: Vec<Row>,
    /// 价目表.
    pub prices: Vec<Row>,
    /// 服务人员.
    pub workers: Vec<Row>,
    /// 测温设备.
    pub instruments: Vec<Row>,
}

/// The four files a company brings along.
#[derive(Debug, Clone)]
pub struct Files {
    /// 热用户信息台账.xlsx
    pub households: PathBuf,
    /// 价目表.xlsx
    pub prices: PathBuf,
    /// 服务人员.xlsx
    pub workers: PathBuf,
    /// 测温设备.xlsx
    pub instruments: PathBuf,
}

impl Ledger {
    /// The ledger of `households` households as it stands on the day `today`: 3 heat-source stations and 6 communities
    /// of 200 homes each; beyond 1,200 the communities go on as further 期.
    pub fn of(households: usize, today: NaiveDate) -> Self {
        let (households, supplement) = household::rows(SEED, households, today);
        Self {
            households,
            supplement,
            prices: register::prices(today),
            workers: register::workers(today),
            instruments: register::instruments(today),
        }
    }

    /// The ledger of the demo's day.
    pub fn of_the_day(today: NaiveDate) -> Self {
        Self::of(HOUSEHOLDS, today)
    }

    /// Writes the four files into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn save(&self, folder: &Path) -> Written<Files> {
        std::fs::create_dir_all(folder)?;
        let files = Files {
            households: folder.join("热用户信息台账-示例.xlsx"),
            prices: folder.join("价目表-示例.xlsx"),
            workers: folder.join("服务人员-示例.xlsx"),
            instruments: folder.join("测温设备-示例.xlsx"),
        };
        write(
            &files.households,
            &[
                (G1_SHEET, &G1_COLUMNS[..], &self.households[..]),
                (SUPPLEMENT_SHEET, &SUPPLEMENT_COLUMNS[..], &self.supplement[..]),
            ],
        )?;
        write(&files.prices, &[(PRICE_SHEET, &PRICE_COLUMNS[..], &self.prices[..])])?;
        write(&files.workers, &[(WORKER_SHEET, &WORKER_COLUMNS[..], &self.workers[..])])?;
        write(&files.instruments, &[(INSTRUMENT_SHEET, &INSTRUMENT_COLUMNS[..], &self.instruments[..])])?;
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ledger() -> Ledger {
        Ledger::of_the_day(NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day"))
    }

    fn distinct(rows: &[Row], key: &str) -> usize {
        rows.iter().map(|row| row.text_of(key)).collect::<HashSet<_>>().len()
    }

    #[test]
    fn the_day_has_three_stations_six_communities_and_1200_households() {
        let ledger = ledger();
        assert_eq!(ledger.households.len(), HOUSEHOLDS);
        assert_eq!(ledger.supplement.len(), HOUSEHOLDS);
        assert_eq!(distinct(&ledger.households, "heat_source"), 3);
        assert_eq!(distinct(&ledger.households, "community"), 6);
        assert_eq!(distinct(&ledger.households, "account_number"), HOUSEHOLDS);
        let address = |row: &Row| ["community", "building", "unit", "room"].map(|key| row.text_of(key)).join("/");
        assert_eq!(ledger.households.iter().map(address).collect::<HashSet<_>>().len(), HOUSEHOLDS);
        assert_eq!((ledger.workers.len(), ledger.instruments.len()), (8, 6));
    }

    #[test]
    fn it_is_as_awkward_as_a_real_one() {
        let ledger = ledger();
        let any = |key: &str, what: &str| ledger.households.iter().any(|row| row.text_of(key).contains(what));
        assert!(any("floor", "半地下"));
        assert!(any("premises_kind", "非住宅"));
        assert!(any("heating_state", "不供"));
        for rare in ["䶮", "㛃", "𠮷"] {
            assert!(any("owner_name", rare), "{rare}");
        }
        let tenants = ledger.households.iter().filter(|row| !row.text_of("tenant_name").is_empty()).count();
        assert!((100..400).contains(&tenants), "{tenants}");
        assert!(ledger.households.iter().any(|row| row.text_of("community").chars().count() > 30));
    }

    #[test]
    fn nothing_in_it_can_be_taken_for_a_person() {
        let ledger = ledger();
        for row in &ledger.households {
            assert!(row.text_of("owner_name").contains("示例"), "{row:?}");
            assert!(row.text_of("project").contains("示例"));
            for phone in ["owner_phone", "tenant_phone"].map(|key| row.text_of(key)) {
                assert!(phone.is_empty() || phone.starts_with("000"), "{phone}");
            }
            for number in ["owner_id_number", "tenant_id_number"].map(|key| row.text_of(key)) {
                assert!(number.is_empty() || number.starts_with("示例"), "{number}");
            }
        }
        assert!(ledger.workers.iter().all(|row| row.text_of("name").starts_with("示例·")));
    }

    #[test]
    fn the_files_are_the_same_bytes_every_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |name: &str| {
            let files = ledger().save(&folder.path().join(name)).expect("written");
            [files.households, files.prices, files.workers, files.instruments]
                .map(|path| std::fs::read(path).expect("there"))
        };
        assert!(read("a") == read("b"));
    }
}
