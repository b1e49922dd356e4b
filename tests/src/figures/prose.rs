//! Words a worker might write: as long as asked for, and about as compressible as what people write.

use nuanfang_demo::dice::Dice;

const PHRASES: [&str; 32] = [
    "客厅散热器上热下不热",
    "卧室温度偏低",
    "用户反映夜间管道有水声",
    "阀门已全开",
    "排气后恢复正常",
    "楼上住户未供暖",
    "回水温度三十六度",
    "供水压力零点四兆帕",
    "已检查过滤器",
    "滤网有少量杂质",
    "建议更换温控阀",
    "用户表示需要与家人商量",
    "现场拍照留存",
    "已告知收费标准",
    "窗户密封条老化",
    "北侧外墙有返潮",
    "立管温度正常",
    "支管阀门关不严",
    "用户家中有老人",
    "约定周六上午复查",
    "地面已铺垫布",
    "未见渗漏",
    "接口处有旧锈迹",
    "暖气罩遮挡散热",
    "请物业协助开启管道井",
    "同层邻居反映相同问题",
    "测点距地一点四米",
    "读数稳定",
    "入户前已电话联系",
    "用户要求开具发票",
    "已说明使用注意事项",
    "清理现场后离开",
];

/// Text of `bytes` bytes of UTF-8, or up to two less.
pub fn prose(dice: &mut Dice, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    while text.len() < bytes {
        text.push_str(dice.pick(&PHRASES));
        text.push_str(dice.pick(&["，", "。", "；"]));
        if dice.chance(25) {
            text.push_str(&format!("编号{}，", dice.below(100_000)));
        }
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
