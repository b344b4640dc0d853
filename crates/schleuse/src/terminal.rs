//! What a person sees: progress while a session runs, and its table at the end.

use crate::estimate::{Figures, about};
use indicatif::{ProgressBar, ProgressStyle};
use model::report::{ItemLine, Outcome};
use model::{Reason, escape_text};
use pipeline::Finished;
use pipeline::Progress;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Bars on a terminal, plain lines elsewhere; both on standard error.
pub fn progress() -> std::sync::Arc<dyn Progress> {
    if std::io::stderr().is_terminal() {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} items  {elapsed}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        std::sync::Arc::new(Bars { bar, met: AtomicU64::new(0), figures: Mutex::default() })
    } else {
        std::sync::Arc::new(Lines)
    }
}

struct Bars {
    bar: ProgressBar,
    /// Entries before the inventory is complete.
    met: AtomicU64,
    figures: Mutex<Figures>,
}

impl Bars {
    /// Takes new figures and shows them: bytes, the time left where it can be said, and what just happened.
    fn show(&self, change: impl FnOnce(&mut Figures), what: &str) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut figures);
        self.bar.set_length(figures.items);
        self.bar.set_position(figures.ended);
        let left = figures.left(self.bar.elapsed()).map(|left| format!("{} left  ", about(left))).unwrap_or_default();
        self.bar.set_message(format!("{} of {} read  {left}{what}", bytes_text(figures.read), bytes_text(figures.bytes)));
    }
}

impl Progress for Bars {
    fn entry(&self) {
        let met = self.met.fetch_add(1, Ordering::Relaxed) + 1;
        self.bar.set_message(format!("{met} entries so far"));
    }
    fn inventory(&self, entries: u32, bytes: u64) {
        self.show(|figures| (figures.items, figures.bytes) = (entries.into(), bytes), "");
    }
    fn spooled(&self, bytes: u64) {
        self.show(|figures| figures.read += bytes, "");
    }
    fn members(&self, count: u32) {
        self.show(|figures| figures.items += u64::from(count), "");
    }
    fn ended(&self, path: &str, outcome: Outcome, _reason: Reason) {
        self.show(|figures| figures.ended += 1, &format!("{} {path}", word(outcome)));
    }
    fn releasing(&self) {
        self.bar.finish_and_clear();
    }
}

struct Lines;

impl Progress for Lines {
    fn entry(&self) {}
    fn inventory(&self, entries: u32, bytes: u64) {
        eprintln!("inventory: {entries} entries, {}", bytes_text(bytes));
    }
    fn spooled(&self, _bytes: u64) {}
    fn members(&self, count: u32) {
        eprintln!("unpacked: {count} members");
    }
    fn ended(&self, path: &str, outcome: Outcome, reason: Reason) {
        if outcome != Outcome::Structural {
            eprintln!("{}: {path} [{reason}]", word(outcome));
        }
    }
    fn releasing(&self) {
        eprintln!("writing the release");
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Released => "released",
        Outcome::Withheld => "withheld",
        Outcome::Unreadable => "unreadable",
        Outcome::Structural => "structural",
    }
}

fn bytes_text(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// The session as a table: what came out, what did not and why, the sums, where things lie.
pub fn session_table(finished: &Finished, state: &Path) -> String {
    let report = &finished.report;
    let mut text = String::new();
    let widest = report.items.iter().map(|i| i.path.chars().count()).max().unwrap_or(0).clamp(20, 64);
    for (outcome, title) in [(Outcome::Released, "RELEASED"), (Outcome::Withheld, "WITHHELD"), (Outcome::Unreadable, "UNREADABLE")] {
        let items: Vec<&ItemLine> = report.items.iter().filter(|i| i.disposition == outcome).collect();
        if items.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{title} ({})", items.len());
        for item in items {
            let format = item.format.map_or("-", model::Format::as_str);
            let _ = writeln!(text, "  {:widest$}  {format:18}  {}", cut(&item.path, widest), outcome_text(item));
        }
    }
    let t = &report.totals;
    let _ = writeln!(
        text,
        "\n{} found = {} released + {} withheld + {} unreadable + {} structural",
        t.found, t.released, t.withheld, t.unreadable, t.structural
    );
    let _ = writeln!(text, "release     {}", finished.place);
    if let Some(why) = &finished.waiting {
        let _ = writeln!(text, "            WAITS for its target: {why}");
        let _ = writeln!(text, "            `schleuse release deliver` tries again, and so does every start.");
    }
    let _ = writeln!(text, "quarantine  {}", escape_text(&state.join("quarantine").to_string_lossy()));
    text
}

fn outcome_text(item: &ItemLine) -> String {
    if item.disposition != Outcome::Released {
        let detail = item.findings.iter().max_by_key(|f| f.effect).map(|f| format!(" ({}: {})", f.code, f.detail));
        return format!("{}{}", item.reason, detail.unwrap_or_default());
    }
    let mut text = item.reason.to_string();
    if let Some(pages) = item.outputs.iter().find_map(|o| o.pages) {
        let _ = write!(text, ", {pages} page{}", if pages == 1 { "" } else { "s" });
    }
    // Counts come from workers and may be absurd; their sum is not to be.
    let removed: u64 = item.removed.iter().map(|r| u64::from(r.count)).sum();
    if removed > 0 {
        let mut kinds: Vec<&str> = item.removed.iter().map(|r| r.kind.as_str()).collect();
        kinds.dedup();
        let _ = write!(text, ", removed {removed}: {}", kinds.join(" "));
    }
    text
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let tail: String = text.chars().rev().take(width - 1).collect::<Vec<_>>().into_iter().rev().collect();
    format!("…{tail}")
}

/// A wipe on standard error: a bar on a terminal, a line at each sync elsewhere.
pub struct WipeProgress(Option<ProgressBar>);

impl WipeProgress {
    /// What fits standard error.
    pub fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{msg:24} {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(200));
            bar
        }))
    }

    fn at(&self, message: String, offset: u64, size: u64) {
        if let Some(bar) = &self.0 {
            if bar.message() != message {
                bar.reset();
            }
            bar.set_message(message);
            bar.set_length(size);
            bar.set_position(offset);
        }
    }

    fn line(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }
}

impl wipe::Progress for WipeProgress {
    fn reached(&self, at: wipe::At) {
        use wipe::At;
        match at {
            At::Resumed { pass, offset } => self.line(&format!("goes on after an interruption: pass {pass}, byte {offset}")),
            At::Native => self.line("the device's own erase commands"),
            At::Writing { pass, passes, offset, size, synced } => {
                self.at(format!("pass {pass}/{passes}"), offset, size);
                if synced && self.0.is_none() {
                    eprintln!("pass {pass}/{passes}: {offset} of {size} bytes on the medium");
                }
            }
            At::Reading { offset, size } => {
                self.at("reading back".into(), offset, size);
                if offset == size && self.0.is_none() {
                    eprintln!("read back: {size} bytes");
                }
            }
            At::Formatting => {
                if let Some(bar) = &self.0 {
                    bar.finish_and_clear();
                }
                eprintln!("formatting");
            }
        }
    }
}
