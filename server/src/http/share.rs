//! How much of a room one device has under way at once: whoever takes all of it keeps everybody else waiting.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// What each of them holds.
#[derive(Debug)]
pub struct Shares<K> {
    held: Arc<Mutex<HashMap<K, u32>>>,
    most: u32,
}

/// A part of it, until dropped.
#[derive(Debug)]
pub struct Share<K: Hash + Eq> {
    held: Arc<Mutex<HashMap<K, u32>>>,
    whose: K,
    units: u32,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// Of which each may hold `most` units, and one request always.
    pub fn new(most: usize) -> Self {
        Self { held: Arc::default(), most: u32::try_from(most).unwrap_or(u32::MAX) }
    }

    /// Takes `units` for `whose`. `None` where he would hold too much; who holds nothing may take any number, and anybody none.
    pub fn take(&self, whose: K, units: u32) -> Option<Share<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let his = held.get(&whose).copied().unwrap_or(0);
        if his > 0 && units > 0 && his.saturating_add(units) > self.most {
            return None;
        }
        held.insert(whose.clone(), his.saturating_add(units));
        drop(held);
        Some(Share { held: Arc::clone(&self.held), whose, units })
    }
}

impl<K: Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(his) = held.get_mut(&self.whose) {
            *his = his.saturating_sub(self.units);
            if *his == 0 {
                held.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_more_than_his_share_and_what_he_gives_back_he_may_take_again() {
        let shares = Shares::new(3);
        let first = shares.take(1, 2).unwrap();
        assert!(shares.take(1, 2).is_none() && shares.take(1, 1).is_some() && shares.take(2, 2).is_some());
        drop(first);
        let whole = shares.take(1, 9).expect("one request always");
        assert!(shares.take(1, 1).is_none());
        drop(whole);
        assert!(shares.held.lock().unwrap().is_empty());
    }
}
