//! The text form that Prometheus and its node_exporter read (exposition format 0.0.4).

use super::{BUCKETS, CLASSES, Histogram, Metrics, Timed};
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

/// How many holds of a class are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldCount {
    /// `model::HoldClass`.
    pub class: &'static str,
    /// `held`: its original is there; `destroyed`: only its record is.
    pub state: &'static str,
    /// How many.
    pub count: u64,
}

/// Figures read from the state directory, as they are now.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Holds in quarantine.
    pub holds: Vec<HoldCount>,
    /// Queue to the number of what waits in it.
    pub queues: Vec<(&'static str, u64)>,
    /// Records the collector took and attempts that failed, where this program forwards.
    pub forwarded: Option<(u64, u64)>,
}

/// One metric: its help, its type, its samples.
struct Family<'t> {
    text: &'t mut String,
    name: &'static str,
}

impl<'t> Family<'t> {
    fn begin(text: &'t mut String, name: &'static str, kind: &str, help: &str) -> Self {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Self { text, name }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.suffixed("", labels, value);
    }

    fn suffixed(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (position, (label, content)) in labels.iter().enumerate() {
            let content = content.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{content}\"", if position == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn histogram(&mut self, stage: &str, histogram: &Histogram) {
        let mut so_far = 0;
        let bounds = BUCKETS.iter().map(|bound| bound.to_string()).chain(["+Inf".to_owned()]);
        for (count, bound) in histogram.counts.iter().zip(bounds) {
            so_far += count.load(Relaxed);
            self.suffixed("_bucket", &[("stage", stage), ("le", &bound)], so_far);
        }
        self.suffixed("_sum", &[("stage", stage)], histogram.sum_micros.load(Relaxed) as f64 / 1e6);
        self.suffixed("_count", &[("stage", stage)], so_far);
    }
}

impl Metrics {
    /// All of it, with `figures` from the state, as text.
    pub fn text(&self, figures: &Figures) -> String {
        let mut text = String::new();
        let mut info = Family::begin(&mut text, "schleuse_build_info", "gauge", "Which program this is; always 1.");
        info.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        let mut start = Family::begin(&mut text, "schleuse_start_time_seconds", "gauge", "When the station started, since 1970.");
        start.sample(&[], self.started_unix_ms as f64 / 1e3);
        let mut sessions = Family::begin(&mut text, "schleuse_sessions_total", "counter", "Sessions by their end.");
        sessions.sample(&[("end", "reconciled")], self.reconciled.load(Relaxed));
        sessions.sample(&[("end", "fault")], self.voided.load(Relaxed));
        self.items(&mut text);
        let mut faults = Family::begin(&mut text, "schleuse_station_faults_total", "counter", "Times the station could not work.");
        faults.sample(&[], self.faults.load(Relaxed));
        let help = "Time an item spends in a stage, and a session in its release.";
        let mut stages = Family::begin(&mut text, "schleuse_stage_duration_seconds", "histogram", help);
        for (what, histogram) in Timed::ALL.iter().zip(&self.timed) {
            stages.histogram(what.as_str(), histogram);
        }
        let help = "Date of an engine's signatures at the last session, since 1970.";
        let mut engines = Family::begin(&mut text, "schleuse_engine_signatures_timestamp_seconds", "gauge", help);
        for (engine, date) in self.signatures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            engines.sample(&[("engine", engine)], date);
        }
        state(&mut text, figures);
        text
    }

    fn items(&self, text: &mut String) {
        let help = "Items of reconciled sessions by how they ended; class says why those withheld were.";
        let mut items = Family::begin(text, "schleuse_items_total", "counter", help);
        for (disposition, count) in [("released", &self.released), ("unreadable", &self.unreadable), ("structural", &self.structural)] {
            items.sample(&[("disposition", disposition), ("class", "")], count.load(Relaxed));
        }
        for (class, count) in CLASSES.iter().zip(&self.withheld) {
            items.sample(&[("disposition", "withheld"), ("class", class.as_str())], count.load(Relaxed));
        }
    }
}

fn state(text: &mut String, figures: &Figures) {
    let mut holds = Family::begin(text, "schleuse_holds", "gauge", "Holds in quarantine by class and state.");
    for hold in &figures.holds {
        holds.sample(&[("class", hold.class), ("state", hold.state)], hold.count);
    }
    let mut queues =
        Family::begin(text, "schleuse_queue_depth", "gauge", "What waits: open sessions, releases, records for the collector.");
    for (queue, depth) in &figures.queues {
        queues.sample(&[("queue", queue)], depth);
    }
    if let Some((sent, failures)) = figures.forwarded {
        Family::begin(text, "schleuse_siem_records_total", "counter", "Records the collector took.").sample(&[], sent);
        let mut failed = Family::begin(text, "schleuse_siem_failures_total", "counter", "Attempts to forward that failed.");
        failed.sample(&[], failures);
    }
}
