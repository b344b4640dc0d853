//! `schleuse watch`: a session for every admitted medium, several at once, in one supervisor.

use super::{index, media, metrics, process, siem};
use crate::cli::Watch as Wanted;
use crate::destination::{self, Destination};
use crate::device::{self, DeviceRefused, SYSFS};
use crate::settings;
use ::device::{Change, DeviceFacts, Happening, Mountd, Watch, WatchError};
use anyhow::Context as _;
use audit::{OsEntropy, SystemClock};
use model::{DeviceKind, Policy};
use pipeline::{Finished, Order, Quiet, Station, StationFault, Unobserved};
use serde_json::json;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Changes = Result<Vec<Change>, WatchError>;

pub fn run(wanted: &Wanted) -> anyhow::Result<u8> {
    let settings = settings::load(wanted.policy.policy.as_deref())?;
    let state = settings::state_dir(wanted.state.state.as_deref())?;
    let worker = settings::worker_program()?;
    let policy = settings.policy.clone();
    let mountd = device::mountd(wanted.mountd.as_deref(), &policy)?;
    let (stop, held) = std::io::pipe()?;
    let (sender, mut changes) = unbounded_channel();
    let (ready, begun) = std::sync::mpsc::channel();
    let watcher = std::thread::spawn(move || send_changes(&stop, &sender, &ready));
    // Before anything is made: without udevd there is nothing to do.
    begun.recv().context("the watch ended")??;
    let forwarding = siem::start(&state, &policy)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let ended = runtime.block_on(async {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
        let station = Station::open(&state, worker, settings, wanted.clamd.clone(), clock, entropy, Arc::new(Unobserved)).await?;
        process::warn_of_first_identity(&station);
        // Before any medium: an intake that does not work must be known before somebody waits for it.
        station.try_canaries().await?;
        let given = &wanted.destination;
        let chosen = destination::choose(&station, &policy.release, given.release_to.as_deref(), given.owner.as_deref()).await?;
        let station = Arc::new(station);
        let source = metrics::Source { station: Arc::clone(&station), state: state.clone(), counts: metrics::counts(forwarding.as_ref()) };
        let figures = metrics::serve(source, wanted.metrics_listen).await?;
        let lock = Lock { station, state: state.clone(), policy, mountd, destination: chosen, as_json: wanted.state.json };
        let ended = lock.run(&mut changes).await;
        let stopped = lock.station.stop().await;
        figures.end().await;
        ended?;
        Ok::<_, anyhow::Error>(stopped?)
    });
    drop(held);
    // It ends as its pipe closes.
    let _ = watcher.join();
    ended.map(|()| 0)
}

/// On a thread of its own: libudev's monitor stays where it was made.
fn send_changes(stop: &std::io::PipeReader, changes: &UnboundedSender<Changes>, ready: &std::sync::mpsc::Sender<Result<(), WatchError>>) {
    let mut watch = match Watch::open(Path::new(SYSFS)) {
        Ok(watch) => watch,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let _ = ready.send(Ok(()));
    loop {
        match watch.next(stop.as_fd()) {
            Ok(None) => return,
            Ok(Some(happened)) => {
                if changes.send(Ok(happened)).is_err() {
                    return;
                }
            }
            Err(error) => return drop(changes.send(Err(error))),
        }
    }
}

struct Lock {
    station: Arc<Station>,
    state: PathBuf,
    policy: Policy,
    mountd: Arc<Mountd>,
    destination: Destination,
    as_json: bool,
}

impl Lock {
    /// Takes media until it is told to stop; then lets the sessions that run come to their end.
    async fn run(&self, changes: &mut UnboundedReceiver<Changes>) -> anyhow::Result<()> {
        let mut sessions: JoinSet<(DeviceFacts, anyhow::Result<Finished>)> = JoinSet::new();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (mut watching, mut failed) = (true, None);
        let mut delivering: Option<tokio::task::JoinHandle<()>> = None;
        let mut waiting = tokio::time::interval(Duration::from_secs(self.policy.release.wait_seconds.max(5).into()));
        let interval = Duration::from_secs(u64::from(self.policy.canary.interval_hours) * 3_600);
        let mut due = tokio::time::interval_at(Instant::now() + interval, interval);
        while watching || !sessions.is_empty() {
            let done = tokio::select! {
                Some(joined) = sessions.join_next(), if !sessions.is_empty() => match joined {
                    Ok((facts, ended)) => self.tell_end(&facts, ended),
                    // Its journal is still there: the next start voids the session.
                    Err(_) => Err(StationFault::Internal("session task").into()),
                },
                happened = changes.recv(), if watching => match happened {
                    Some(Ok(happened)) => self.take(happened, &mut sessions).await,
                    Some(Err(error)) => Err(error.into()),
                    None => {
                        watching = false;
                        Ok(())
                    }
                },
                // What waits for its target is tried again.
                _ = waiting.tick(), if watching && delivering.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) => {
                    // Beside the rest: a slow target keeps no medium waiting.
                    let station = Arc::clone(&self.station);
                    delivering = Some(tokio::spawn(async move {
                        if let Err(fault) = station.deliver_waiting().await {
                            tracing::warn!(%fault, "what waits for its target could not be looked at");
                        }
                    }));
                    Ok(())
                }
                _ = due.tick(), if watching => self.station.try_canaries().await.map_err(anyhow::Error::from),
                _ = terminate.recv(), if watching => {
                    watching = false;
                    Ok(())
                }
                _ = interrupt.recv(), if watching => {
                    watching = false;
                    Ok(())
                }
            };
            if let Err(error) = done {
                // No new media; sessions that run come to their end all the same.
                watching = false;
                failed.get_or_insert(error);
            }
        }
        if let Some(delivering) = delivering {
            // It failed or panicked alone; what waits is still there.
            let _ = delivering.await;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn take(&self, happened: Vec<Change>, sessions: &mut JoinSet<(DeviceFacts, anyhow::Result<Finished>)>) -> anyhow::Result<()> {
        for change in happened {
            // Disks of the machine itself are nobody's news.
            if change.facts.kind == DeviceKind::System {
                continue;
            }
            media::tell(&change, &self.policy.device, self.as_json)?;
            if change.happening != Happening::Insert {
                continue;
            }
            match device::admit(&self.station, &self.policy, change.facts.clone(), &self.mountd).await {
                Ok(admitted) => {
                    let Destination { owner, release_to } = self.destination.clone();
                    let order = Order { source: device::node(&change.facts), device: Some(admitted), release_to, owner, keys: Vec::new() };
                    let (station, state) = (Arc::clone(&self.station), self.state.clone());
                    sessions.spawn(async move {
                        let ended = pipeline::process(&station, &order, Arc::new(Quiet)).await;
                        // When that task fails, only the index is behind.
                        let _ = tokio::task::spawn_blocking(move || index::keep(&state)).await;
                        (change.facts, ended.map_err(anyhow::Error::from))
                    });
                }
                // On record, and told with the judgement.
                Err(error) if error.is::<DeviceRefused>() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn tell_end(&self, facts: &DeviceFacts, ended: anyhow::Result<Finished>) -> anyhow::Result<()> {
        let event = match &ended {
            Ok(finished) => json!({
                "event": "session-ended", "device": facts.name, "session": finished.report.session,
                "totals": finished.report.totals, "folder": finished.place, "waiting": finished.waiting,
            }),
            Err(error) => json!({ "event": "session-failed", "device": facts.name, "fault": format!("{error:#}") }),
        };
        let mut out = std::io::stdout().lock();
        if self.as_json {
            writeln!(out, "{event}")?;
        } else {
            writeln!(out, "{}", sentence(&facts.name, &ended))?;
        }
        Ok(out.flush()?)
    }
}

fn sentence(name: &str, ended: &anyhow::Result<Finished>) -> String {
    match ended {
        Ok(Finished { report, place, waiting }) => {
            let totals = &report.totals;
            format!(
                "done {name}: {} found, {} released, {} withheld, {} unreadable; release {}. Remove the medium.",
                totals.found,
                totals.released,
                totals.withheld,
                totals.unreadable,
                waiting.as_ref().map_or_else(|| place.clone(), |why| format!("waits ({why})"))
            )
        }
        Err(error) => format!("failed {name}: {error:#}. Nothing of it was released."),
    }
}
