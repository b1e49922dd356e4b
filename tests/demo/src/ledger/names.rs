//! Names that nobody has: each opens with 示例, and among them are the characters that break systems.

use crate::dice::Dice;

const SURNAMES: [&str; 20] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "马", "朱", "胡", "郭", "欧阳", "司马",
    "尉迟", "𠮷",
];

const GIVEN: [&str; 18] = [
    "样一", "样二", "样三", "样四", "样五", "样六", "样七", "样八", "样九", "样䶮", "样㛃", "样玥", "样喆", "样堃",
    "样翀", "样昇", "样祎", "样犇",
];

const FIRMS: [&str; 6] = [
    "示例便民超市有限公司",
    "示例口腔门诊部",
    "示例社区养老服务驿站",
    "示例快递营业部",
    "示例（北京）文化传播有限责任公司朝阳第十二分公司",
    "示例琴行",
];

const PEOPLES: [&str; 2] = ["示例·样买买提·样吐尔逊", "示例·阿样娜尔·样江"];

/// A person: `示例·王样䶮`; now and then one with a longer name.
pub fn person(dice: &mut Dice) -> String {
    if dice.chance(1) {
        return dice.pick(&PEOPLES).to_owned();
    }
    format!("示例·{}{}", dice.pick(&SURNAMES), dice.pick(&GIVEN))
}

/// A firm.
pub fn firm(dice: &mut Dice) -> String {
    dice.pick(&FIRMS).to_owned()
}

/// A telephone number that no network has: it begins with 000.
pub fn phone(dice: &mut Dice) -> String {
    format!("000{:08}", dice.below(100_000_000))
}
