//! The server and the phones as processes: started wrongly, out of disk, killed, lied to; and what is left of the work
//! then. The rows of the bad-input table that a person or a machine meets from outside.

mod clocks;
mod commands;
mod company;
mod disk;
mod documents;
mod exchange;
mod import;
mod killed;
mod network;
mod nuanfang;
mod phone;
mod room;
mod start;
mod tls;
mod town;
