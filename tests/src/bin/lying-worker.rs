//! The lying worker as a program: put in the place of `schleuse-worker`, it is what a compromised worker would be.

use std::process::ExitCode;

#[global_allocator]
static MEMORY: sandbox::BoundedMemory = sandbox::BoundedMemory;

fn main() -> ExitCode {
    match sandbox::arguments() {
        Ok((role, limits)) => e2e::lies::serve(role, &limits),
        Err(_) => ExitCode::FAILURE,
    }
}
