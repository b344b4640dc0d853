//! I6: the supervisor treats what a worker says as foreign. A confined worker tells every lie there is; each comes back
//! as the right trouble with that one item, and the next item on a fresh worker works.
//!
//! This program is the tests and the worker in one: started with a role and limits it confines itself and lies, the
//! content of the item naming the lie; otherwise it runs the tests, those whose name contains its first argument.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, both are how it fails")]

mod told;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Ok((role, limits)) = sandbox::arguments() {
        return e2e::lies::serve(role, &limits);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |word: &str| arguments.iter().any(|argument| argument == word);
    if given("--list") {
        // How test runners ask for the names; none is ignored.
        let listed = if given("--ignored") { &[] } else { told::TESTS };
        for (name, _) in listed {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let filter = arguments.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    let wanted = |name: &str| if given("--exact") { name == filter } else { name.contains(filter) };
    let chosen: Vec<_> = told::TESTS.iter().filter(|(name, _)| wanted(name)).collect();
    let failed = chosen.iter().filter(|(name, test)| {
        let failed = std::panic::catch_unwind(test).is_err();
        println!("test {name} ... {}", if failed { "FAILED" } else { "ok" });
        failed
    });
    if failed.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
