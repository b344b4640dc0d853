//! I6: the supervisor treats what a worker says as foreign. A confined worker tells every lie there is; each comes back
//! as the right trouble with that one item, and the next item on a fresh worker works.
//!
//! This program is the tests and the worker in one: started with a role and limits it confines itself and lies, the
//! content of the item naming the lie; otherwise it runs the tests, those whose name contains its first argument.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, both are how it fails")]

mod lies;
mod told;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Ok((role, limits)) = sandbox::arguments() {
        return lies::serve(role, &limits);
    }
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let chosen = told::TESTS.iter().filter(|(name, _)| name.contains(&filter));
    let failed = chosen.filter(|(name, test)| {
        let failed = std::panic::catch_unwind(test).is_err();
        println!("test {name} ... {}", if failed { "FAILED" } else { "ok" });
        failed
    });
    if failed.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
