//! The turn of one shard: receive → expire → commands → transmit.

mod table;
mod wheel;
