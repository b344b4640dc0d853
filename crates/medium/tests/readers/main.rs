//! The readers against media made by other programs, and against media made to hurt them.

mod attacks;
mod common;
mod foreign;
mod image;
mod mutations;
mod partition_tables;
mod tree;
