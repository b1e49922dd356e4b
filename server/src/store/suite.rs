//! The contract as checks, one a promise: a store that passes them is a store (docs/nothing-lost.md). A backend's tests give
//! them a [`Fixture`] and get one test a promise:
//!
//! ```text
//! nuanfang_server::store_suite!(MyFixture);
//! ```
//!
//! [`play::play`] takes any interleaving of two phones and the office; a backend's tests draw them at random. All of
//! it is generic in the backend, so a program that does not call it does not hold it.

pub mod acts;
pub mod feed;
pub mod files;
mod house;
pub mod judging;
pub mod log;
mod mirror;
mod phone;
pub mod play;

use std::future::Future;

use nuanfang_core::time::Millis;

use super::{Store, StoreError};

/// A backend under test: one place where a store can be.
pub trait Fixture: Sized + 'static {
    /// The backend.
    type Store: Store;

    /// A place with nothing in it.
    fn empty() -> Self;

    /// Opens what is there, or makes it new at `now`.
    fn open(&self, now: Millis) -> Result<Self::Store, StoreError>;

    /// Ends in order.
    fn close(&self, store: Self::Store);

    /// Ends without a word, as when the process is killed: what is there afterwards is what was durable.
    fn crash(self, store: Self::Store) -> Self;
}

/// One promise.
pub struct Check {
    /// Its name, which is that of its test.
    pub name: &'static str,
    /// Panics if the backend does not keep it.
    pub run: fn(),
}

/// Runs one check to its end.
pub fn run(check: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(check);
}

macro_rules! contract {
    ($d:tt $($room:ident::$name:ident,)*) => {
        /// Every promise, for the backend of `F`.
        pub fn checks<F: Fixture>() -> Vec<Check> {
            vec![$(Check { name: stringify!($name), run: || run($room::$name::<F>()) }),*]
        }

        /// One test a promise of [`store::suite`](crate::store::suite), for the backend of a fixture.
        #[macro_export]
        macro_rules! store_suite {
            ($d fixture:ty) => {
                $(#[test]
                fn $name() {
                    $crate::store::suite::run($crate::store::suite::$room::$name::<$d fixture>());
                })*
            };
        }
    };
}

contract! { $
    log::i1_an_operation_is_stored_once_and_byte_for_byte,
    log::i1_other_bytes_at_the_same_position_are_a_fork_and_change_nothing,
    log::i1_what_follows_a_gap_waits,
    log::i1_an_operation_logged_again_under_a_new_device_is_kept_as_its_duplicate,
    log::i1_a_phone_enrolled_anew_goes_on_with_its_lane,
    log::i2_what_was_acknowledged_outlives_the_process,
    log::i9_what_is_in_the_log_stays_as_it_came,
    log::i10_device_clocks_order_nothing,
    log::i12_a_device_ahead_of_a_restored_store_is_told_and_offers_again,
    feed::i4_positions_are_dense_and_every_replay_ends_at_the_snapshot,
    feed::i4_who_is_out_of_step_gets_the_whole_scope,
    feed::i5_a_visit_is_in_one_workers_scope_and_moves_in_one_step,
    feed::i13_what_left_a_scope_is_told_only_as_gone,
    judging::i6_no_operation_stops_a_later_one,
    judging::i6_a_fault_keeps_its_own_operation_apart,
    judging::i7_evidence_is_judged_by_who_ever_held_the_visit_and_never_refused,
    judging::i7_what_is_judged_anew_is_told_once_and_all_of_it,
    judging::i8_late_work_changes_neither_state_nor_result,
    files::i11_a_file_is_whole_only_with_the_bytes_of_its_name,
    files::i11_a_file_goes_on_from_its_last_durable_byte_in_one_hand,
    files::i11_a_file_of_two_records_is_sent_once_and_kept_for_both,
    acts::an_act_that_its_check_refuses_leaves_nothing,
    acts::a_panic_undoes_its_own_work_alone,
    acts::who_acts_at_once_acts_one_after_the_other,
    acts::what_does_not_follow_on_the_log_is_not_appended,
    acts::projections_made_anew_are_the_same_byte_for_byte,
    acts::a_second_opening_of_the_same_data_is_refused,
}
