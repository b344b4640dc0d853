//! Figures for Prometheus: in `STATE/metrics.prom`, and over HTTP for who asks `watch`.
//!
//! **Invariant.** Whatever a client sends, it gets the figures or a refusal, within [`PATIENCE`]; it changes nothing.

use crate::cli::operations::Metrics;
use crate::settings::{self, ConfigurationError};
use anyhow::Context as _;
use pipeline::Station;
use pipeline::metrics::{Figures, HoldCount};
use siem::{Counts, Forwarding};
use spool::Quarantine;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

/// Name of the file in the state directory.
const FILE: &str = "metrics.prom";
/// Between two times the file is written.
const EVERY: Duration = Duration::from_secs(15);
/// Longest time one client may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most of a request that is read.
// BOUND: Prometheus sends some 300 bytes.
const MAX_REQUEST_BYTES: usize = 8 << 10;

/// `schleuse metrics`.
pub fn print(what: &Metrics) -> anyhow::Result<u8> {
    let path = settings::state_dir(what.state.state.as_deref())?.join(FILE);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| ConfigurationError(format!("{} cannot be read: {error}; the first session writes it", path.display())))?;
    print!("{text}");
    Ok(0)
}

/// Where the figures come from.
#[derive(Clone)]
pub struct Source {
    pub station: Arc<Station>,
    pub state: PathBuf,
    pub counts: Option<Arc<Counts>>,
}

/// What a forwarder counts.
pub fn counts(forwarding: Option<&Forwarding>) -> Option<Arc<Counts>> {
    forwarding.map(Forwarding::counts)
}

/// Writes the file once. That it cannot be written is told, and stops nothing.
pub async fn write(station: &Station, state: &Path, forwarding: Option<&Forwarding>) {
    // A program that works beside another leaves the file to that one: its counters are not the station's.
    if station.recorder().holds_chain() {
        write_text(state, &text(station, state, counts(forwarding).as_deref()).await);
    }
}

/// By rename, so that nobody reads half of it; after a power loss it may be an older one.
fn write_text(state: &Path, text: &str) {
    let path = state.join(FILE);
    let temporary = state.join(".metrics.prom.partial");
    if let Err(error) = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &path)) {
        tracing::warn!(path = %path.display(), %error, "the figures cannot be written");
    }
}

async fn text(station: &Station, state: &Path, counts: Option<&Counts>) -> String {
    let head = station.recorder().head().await.map_or(0, |head| head.seq);
    let dir = state.to_owned();
    let mut figures = tokio::task::spawn_blocking(move || figures(&dir)).await.unwrap_or_default();
    if let Some(counts) = counts {
        figures.queues.push(("siem", head.saturating_sub(siem::taken(state).seq)));
        figures.forwarded = Some((counts.sent.load(Relaxed), counts.failures.load(Relaxed)));
    }
    station.metrics().text(&figures)
}

/// What the state directory says. What cannot be read is left out: `doctor` says why.
fn figures(state: &Path) -> Figures {
    let paths = pipeline::station::StatePaths::new(state);
    let mut holds: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    for record in Quarantine::list(&paths.quarantine()).unwrap_or_default() {
        let held = paths.quarantine().join(&record.hold).join("original.age").exists();
        *holds.entry((record.class.as_str(), if held { "held" } else { "destroyed" })).or_default() += 1;
    }
    let holds = holds.into_iter().map(|((class, state), count)| HoldCount { class, state, count }).collect();
    let waiting = |dir: PathBuf, ending: Option<&str>| {
        let names = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| PathBuf::from(entry.file_name()));
        names.filter(|name| ending.is_none_or(|ending| name.extension().is_some_and(|e| e == ending))).count() as u64
    };
    let queues = vec![("sessions", waiting(paths.sessions(), Some("json"))), ("outbox", waiting(state.join("outbox"), None))];
    Figures { holds, queues, forwarded: None }
}

/// The tasks that write the file and answer clients.
pub struct Serving {
    source: Source,
    tasks: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Ends them, and writes the file a last time.
    pub async fn end(self) {
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            // It was aborted.
            let _ = task.await;
        }
        self.source.write().await;
    }
}

impl Source {
    async fn text(&self) -> String {
        text(&self.station, &self.state, self.counts.as_deref()).await
    }

    async fn write(&self) {
        if self.station.recorder().holds_chain() {
            write_text(&self.state, &self.text().await);
        }
    }
}

/// Writes the file every 15 seconds, and answers at `listen`.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(source: Source, listen: Option<SocketAddr>) -> anyhow::Result<Serving> {
    let mut tasks = Vec::new();
    if let Some(address) = listen {
        let listener = TcpListener::bind(address).await.with_context(|| format!("figures cannot be served at {address}"))?;
        let source = source.clone();
        tasks.push(tokio::spawn(async move {
            // One client after the other: each has its time, and figures are asked for every few seconds.
            loop {
                match listener.accept().await {
                    Ok((client, _from)) => drop(timeout(PATIENCE, answer(client, &source)).await),
                    // Out of descriptors, say: not at once again.
                    Err(_) => tokio::time::sleep(PATIENCE).await,
                }
            }
        }));
    }
    let writer = source.clone();
    tasks.push(tokio::spawn(async move {
        let mut turns = interval(EVERY);
        loop {
            turns.tick().await;
            writer.write().await;
        }
    }));
    Ok(Serving { source, tasks })
}

async fn answer(mut client: impl AsyncRead + AsyncWrite + Unpin, source: &Source) -> std::io::Result<()> {
    let reply = match request(&mut client).await?.as_deref() {
        Some("GET /metrics") => {
            let text = source.text().await;
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            )
        }
        Some(_) => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into(),
        None => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into(),
    };
    client.write_all(reply.as_bytes()).await?;
    client.shutdown().await
}

/// Method and path of a request; none when it has no end within the limit, or is none.
async fn request(client: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut read = Vec::new();
    let mut piece = [0; 1_024];
    while !read.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = client.read(&mut piece).await?;
        if count == 0 || read.len() + count > MAX_REQUEST_BYTES {
            return Ok(None);
        }
        read.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    let line = read.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default();
    Ok(line.strip_suffix(" HTTP/1.1").or_else(|| line.strip_suffix(" HTTP/1.0")).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(text: &[u8]) -> Option<String> {
        request(&mut std::io::Cursor::new(text.to_vec())).await.unwrap()
    }

    #[tokio::test]
    async fn only_a_whole_short_request_counts() {
        assert_eq!(asked(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.as_deref(), Some("GET /metrics"));
        assert_eq!(asked(b"GET /metrics?x HTTP/1.1\r\n\r\n").await.as_deref(), Some("GET /metrics?x"));
        assert_eq!(asked(b"GET /metrics HTTP/1.1\r\n").await, None);
        assert_eq!(asked(b"\xff\xfe\r\n\r\n").await, None);
        let long = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; MAX_REQUEST_BYTES], b"\r\n\r\n".to_vec()].concat();
        assert_eq!(asked(&long).await, None);
    }
}
