//! The phone, tried from outside: against a small server that speaks the real wire types, with every way it can lie,
//! break off or forget; and against kills, full disks' leftovers, wrong clocks and bad pictures.

mod bad_photos;
mod begun_lanes;
mod damage;
mod exchange;
mod fake_server;
mod field;
mod over_http;
mod phone;
mod rescue;
mod revoked;
mod store_file;
mod trouble;
mod worker_day;
