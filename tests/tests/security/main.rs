//! What the real worker program cannot do, tried for real in every role.

mod attempts;
mod traces;
mod weakened;
