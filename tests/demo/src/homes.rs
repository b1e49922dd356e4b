//! The homes that the day goes to, looked out of the ledger: lived in, heated, each with what its part is to show.

use crate::Done;
use crate::ledger::{Ledger, Row};

/// Accounts that belong to others: the journeys of the bindings measure and repair at 41 and 42, the console's look
/// up 219.
const TAKEN: [usize; 3] = [41, 42, 219];

/// 交费编号 of each home.
#[derive(Debug, Clone)]
pub struct Homes {
    /// A bedroom is too cold; the owner's name has a rare character.
    pub measurement: String,
    /// The inlet valve leaks; the owner's name has another rare character.
    pub repair: String,
    /// Nobody is at home.
    pub absent: String,
    /// The tenant opens the door.
    pub inspection: String,
    /// 20 °C were agreed, and the resident does not sign.
    pub refusal: String,
    /// Moved to another worker; the longest name of a community.
    pub reassigned: String,
    /// Moved to another worker, and undecided at the day's end.
    pub undecided: String,
    /// Where the phone dies.
    pub killed: String,
    /// What else stands on the day's board.
    pub others: [String; 6],
}

struct Wanted<'a> {
    community: &'a str,
    owner: &'a str,
    position: &'a str,
    tenant: bool,
}

impl Homes {
    /// Chooses them; the same ledger gives the same homes.
    ///
    /// # Errors
    /// When the ledger has no such home: it is not the day's.
    pub fn of(ledger: &Ledger) -> Done<Self> {
        let mut taken: Vec<String> = TAKEN.iter().map(|number| format!("SL{number:08}")).collect();
        let mut choose = |community, owner, position, tenant| {
            let wanted = Wanted { community, owner, position, tenant };
            let found = ledger
                .households
                .iter()
                .find(|row| wanted.fits(row) && !taken.iter().any(|own| own == row.text_of("account_number")));
            let account = found
                .ok_or_else(|| format!("no home in {community} for {owner}"))?
                .text_of("account_number")
                .to_owned();
            taken.push(account.clone());
            Done::Ok(account)
        };
        Ok(Self {
            measurement: choose("暖阳", "䶮", "边户", false)?,
            repair: choose("龙䶮里", "㛃", "", false)?,
            absent: choose("祥苑", "𠮷", "", false)?,
            inspection: choose("花语", "", "", true)?,
            refusal: choose("云麓府", "", "", false)?,
            reassigned: choose("棉纺织", "", "顶层", false)?,
            undecided: choose("祥苑", "", "", false)?,
            killed: choose("暖阳", "欧阳", "", false)?,
            others: [
                choose("龙䶮里", "", "", false)?,
                choose("花语", "", "", false)?,
                choose("云麓府", "", "", true)?,
                choose("祥苑", "", "顶层", false)?,
                choose("暖阳", "", "底层", false)?,
                choose("棉纺织", "", "", false)?,
            ],
        })
    }
}

impl Wanted<'_> {
    fn fits(&self, row: &Row) -> bool {
        let firm = ["公司", "部", "站", "琴行"].iter().any(|word| row.text_of("tenant_name").contains(word));
        row.text_of("premises_kind") == "住宅"
            && row.text_of("heating_state") == "正供"
            && row.text_of("unheated") == "否"
            && row.text_of("community").contains(self.community)
            && row.text_of("owner_name").contains(self.owner)
            && row.text_of("position").contains(self.position)
            && row.text_of("tenant_name").is_empty() != self.tenant
            && !firm
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn the_ledger_has_a_home_for_every_part_and_none_twice() {
        let ledger = Ledger::of_the_day(NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day"));
        let homes = Homes::of(&ledger).expect("every home");
        let mut all = vec![
            homes.measurement,
            homes.repair,
            homes.absent,
            homes.inspection,
            homes.refusal,
            homes.reassigned,
            homes.undecided,
            homes.killed,
        ];
        all.extend(homes.others);
        let many = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), many);
        assert!(TAKEN.iter().all(|number| !all.contains(&format!("SL{number:08}"))));
    }
}
