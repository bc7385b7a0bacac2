//! C's side: the structure of function pointers, the functions behind it, and the plain `getsockopt`. All `unsafe` of the
//! library is in this folder.

mod interface;
mod memory;
mod names;
mod network;
mod options;
mod preload;
mod ready;
mod stream;
mod system;
