//! What the real worker program cannot do, tried for real in every role.

mod attempts;
mod office;
mod traces;
mod weakened;
