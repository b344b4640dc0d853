//! A strict reader of the text that Prometheus reads (exposition format 0.0.4): one `HELP` and one `TYPE` before a metric's
//! samples, which stand together; no sample twice; histograms that only grow.

use anyhow::{Context as _, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};

/// Samples by what stands before the value: `name{label="value",…}`.
pub type Samples = BTreeMap<String, f64>;

/// Reads the whole text.
///
/// # Errors
/// At the first line that is not as it must be.
pub fn read(text: &str) -> Result<Samples> {
    ensure!(text.ends_with('\n'), "no line end at the end");
    let (mut samples, mut families) = (Samples::new(), BTreeSet::new());
    let mut family: Option<(String, String)> = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').context(line.to_owned())?;
            ensure!(!words.is_empty() && families.insert(name.to_owned()), "{line}");
            let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).context(line.to_owned())?;
            ensure!(["counter", "gauge", "histogram"].contains(&kind), "{line}: {kind}");
            ensure!((kind == "counter") == name.ends_with("_total"), "{name} is a {kind}");
            family = Some((name.to_owned(), kind.to_owned()));
            continue;
        }
        let (key, value) = line.rsplit_once(' ').context(line.to_owned())?;
        let value: f64 = value.parse().with_context(|| line.to_owned())?;
        let (name, kind) = family.as_ref().context(line.to_owned())?;
        let suffix = sample_name(key)?.strip_prefix(name.as_str()).with_context(|| format!("{line} under {name}"))?;
        let allowed: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        ensure!(allowed.contains(&suffix), "{line} under {name}");
        ensure!(samples.insert(key.to_owned(), value).is_none(), "twice: {line}");
    }
    check_buckets(text)?;
    Ok(samples)
}

/// The name, after a look at the labels.
fn sample_name(key: &str) -> Result<&str> {
    let Some((name, labels)) = key.split_once('{') else { return Ok(key) };
    let labels = labels.strip_suffix("\"}").context(key.to_owned())?;
    for label in labels.split("\",") {
        let (name, value) = label.split_once("=\"").context(key.to_owned())?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        ensure!(is_name && !value.contains(['"', '\\', '\n']), "{key}");
    }
    Ok(name)
}

fn check_buckets(text: &str) -> Result<()> {
    let (mut last, mut bound) = (0.0, f64::NEG_INFINITY);
    for line in text.lines().filter(|line| line.contains("_bucket{") || line.contains("_count{")) {
        let (key, value) = line.rsplit_once(' ').context("a value")?;
        let value: f64 = value.parse()?;
        match key.rsplit_once("le=\"").map(|(_, bound)| bound.trim_end_matches("\"}")) {
            Some(le) => {
                let le = if le == "+Inf" { f64::INFINITY } else { le.parse()? };
                ensure!(le > bound && value >= last, "{line}");
                (last, bound) = (value, le);
            }
            None => {
                if value != last || bound != f64::INFINITY {
                    bail!("{line} after {last} up to {bound}");
                }
                (last, bound) = (0.0, f64::NEG_INFINITY);
            }
        }
    }
    Ok(())
}
