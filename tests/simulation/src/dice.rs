//! Where every choice comes from: one seed, one stream a step, so that leaving out a step changes no other one.

/// A stream of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The stream of `seed` for what is numbered `part`.
    pub fn new(seed: u64, part: u64) -> Self {
        let mut dice = Self(seed ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        dice.draw();
        Self(dice.draw() ^ part)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.draw() % n as u64) as usize }
    }

    /// A number from `from` to `to`, both inside.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + (self.draw() % (to - from + 1).unsigned_abs()) as i64
    }

    /// True `n` times in a thousand.
    pub fn chance(&mut self, n: u32) -> bool {
        self.draw() % 1000 < u64::from(n)
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// Bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(n + 8);
        while out.len() < n {
            out.extend_from_slice(&self.draw().to_le_bytes());
        }
        out.truncate(n);
        out
    }

    /// An id.
    pub fn uuid(&mut self) -> uuid::Uuid {
        uuid::Uuid::from_u64_pair(self.draw(), self.draw())
    }
}
