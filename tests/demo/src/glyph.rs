//! The few characters a generated picture carries, as dots: 示例, which says that it is not real, and digits.

/// Dots of one character, a row a string; anything but a space is ink.
pub type Dots = &'static [&'static str];

/// 示
pub const SHI: Dots = &[
    "                ",
    "  ############  ",
    "                ",
    "                ",
    "                ",
    " ############## ",
    "       ##       ",
    "       ##       ",
    "   ##  ##  ##   ",
    "   ##  ##  ##   ",
    "  ##   ##   ##  ",
    "  ##   ##    ## ",
    " ##    ##    ## ",
    "       ##       ",
    "     ####       ",
    "                ",
];

/// 例
pub const LI: Dots = &[
    "   #          # ",
    "   # ######   # ",
    "  ##   #      # ",
    "  #    #   #  # ",
    " ##   #### #  # ",
    " ##   #  # #  # ",
    "# #  # # # #  # ",
    "  # #  ##  #  # ",
    "  #    ##  #  # ",
    "  #    #   #  # ",
    "  #   ##   #  # ",
    "  #   #       # ",
    "  #  #        # ",
    "  # ##      # # ",
    "  #          ## ",
    "                ",
];

const DIGITS: [Dots; 10] = [
    &[" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "],
    &["  #  ", " ##  ", "  #  ", "  #  ", "  #  ", "  #  ", " ### "],
    &[" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"],
    &[" ### ", "#   #", "    #", "  ## ", "    #", "#   #", " ### "],
    &["   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "],
    &["#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "],
    &["  ## ", " #   ", "#    ", "#### ", "#   #", "#   #", " ### "],
    &["#####", "    #", "   # ", "  #  ", "  #  ", "  #  ", "  #  "],
    &[" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "],
    &[" ### ", "#   #", "#   #", " ####", "    #", "   # ", " ##  "],
];

/// The dots of a digit; of anything else none.
pub fn digit(c: char) -> Option<Dots> {
    c.to_digit(10).and_then(|value| DIGITS.get(value as usize)).copied()
}
