//! Panics told apart: ours are findings even where the product would survive them, a library's are not where it does.
//!
//! The renderer catches panics of its decoders on purpose (a page that makes a decoder panic is a failed page). A fuzzer that
//! took every panic for a finding would find nothing else; one that took none would miss ours. So: a panic that leaves the
//! target is a finding whoever made it; a panic that the product caught is one when its place is in this workspace.

use std::cell::RefCell;
use std::panic::{PanicHookInfo, set_hook};
use std::sync::Once;

thread_local! {
    static OURS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a target and panics when code of this workspace panicked inside, caught or not.
pub(crate) fn watched(run: impl FnOnce()) {
    static HOOK: Once = Once::new();
    // libFuzzer's own hook ends the process at once, also for what the product catches.
    HOOK.call_once(|| set_hook(Box::new(note)));
    OURS.take();
    run();
    if let Some(place) = OURS.take() {
        panic!("a panic of our own was caught on its way out: {place}");
    }
}

fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "nowhere".to_owned(), ToString::to_string);
    eprintln!("panic at {place}: {}", info.payload_as_str().unwrap_or("(no text)"));
    if !place.contains("/.cargo/registry/") && !place.contains("/vendor/") {
        OURS.set(Some(place));
    }
}
