//! Rounds at random moments.

use super::{Moment, Rig, Round, SessionEnd, Victim};
use anyhow::{Context as _, Result};
use pipeline::Transition;
use std::collections::BTreeMap;
use std::fmt;
use testkit::Sample;
use testkit::bits::Noise;

/// Longest wait after a line of progress, milliseconds; the lines of a small medium come closer together than that.
const MOST_MILLISECONDS: u32 = 60;

/// What came of many rounds.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rounds in all.
    pub rounds: u32,
    /// Rounds whose session was over before its moment came.
    pub over: u32,
    /// Per victim, those in which it was ended.
    pub victims: BTreeMap<Victim, u32>,
    /// Per moment (a transition, or `line of progress`), the same.
    pub moments: BTreeMap<String, u32>,
    /// Per end of the session, the same.
    pub ends: BTreeMap<SessionEnd, u32>,
    /// Workers that were ended, or had to end because their supervisor did.
    pub workers: usize,
    /// Items held because their worker died.
    pub died: usize,
}

impl Tally {
    /// Rounds whose session ended so.
    pub fn ended(&self, end: SessionEnd) -> u32 {
        self.ends.get(&end).copied().unwrap_or(0)
    }

    /// Adds a round.
    pub fn add(&mut self, moment: Moment, victim: Victim, round: &Round) {
        self.rounds += 1;
        if !round.struck {
            self.over += 1;
            return;
        }
        let at = match moment {
            Moment::At(transition, _) => format!("{transition:?}"),
            Moment::Line(..) => "line of progress".to_owned(),
        };
        *self.victims.entry(victim).or_default() += 1;
        *self.moments.entry(at).or_default() += 1;
        *self.ends.entry(round.end).or_default() += 1;
        self.workers += round.workers;
        self.died += round.died;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rounds, {} of them over before their moment", self.rounds, self.over)?;
        writeln!(f, "sessions: {:?}", self.ends)?;
        writeln!(f, "victims: {:?}", self.victims)?;
        writeln!(f, "workers ended: {}; items held because their worker died: {}", self.workers, self.died)?;
        self.moments.iter().try_for_each(|(moment, count)| writeln!(f, "{count:>5}  {moment}"))
    }
}

/// Every way through the line, an office document too, so that every kind of worker can be met at work.
///
/// # Errors
/// When a sample is not there.
pub fn medium() -> Result<Vec<Sample>> {
    let mut samples = small_medium()?;
    samples.extend(crate::samples_at(&[
        "Verträge und Angebote/Angebot 2026-014.docx",
        "Verträge und Angebote/Vollmacht.pdf",
        "Bilder/Aus dem Netz/Riesig.png",
        "Archive/Aus dem Netz/Ausbruch.zip",
        "Programme/setup.exe",
        "Seltsame Namen/Bericht.txt",
        "Seltsame Namen/BERICHT.TXT",
    ])?);
    Ok(samples)
}

/// One of each quick kind: converted, rebuilt, unpacked twice over, and withheld for several reasons.
///
/// # Errors
/// When a sample is not there.
pub fn small_medium() -> Result<Vec<Sample>> {
    crate::samples_at(&[
        "Verträge und Angebote/Gehaltsvereinbarung (verschlüsselt).pdf",
        "Buchhaltung/Jahresabschluss 2025/Kontoauszug.csv",
        "Bilder/Ausflug an den See/Diagramm.png",
        "Bilder/Ausflug an den See/Fax.tiff",
        "Archive/Sicherung.tar.gz",
        "Archive/Aus dem Netz/Verweis.zip",
        "Prüfdateien/eicar.com",
        "autorun.inf",
    ])
}

/// Random rounds; `heard` hears of each. The same seed gives the same moments and victims.
///
/// # Errors
/// What does not hold, with the number of the round.
pub fn random_rounds(rig: &mut Rig, seed: u64, rounds: u32, mut heard: impl FnMut(u32, Moment, Victim, &Round)) -> Result<Tally> {
    let (mut noise, mut tally) = (Noise::new(seed), Tally::default());
    for number in 1..=rounds {
        let (moment, victim) = (moment(rig, &mut noise), pick(Victim::ALL, &mut noise).context("a victim")?);
        let round = rig.round(moment, victim).with_context(|| format!("round {number} of seed {seed}"))?;
        tally.add(moment, victim, &round);
        heard(number, moment, victim, &round);
    }
    Ok(tally)
}

fn moment(rig: &Rig, noise: &mut Noise) -> Moment {
    if noise.next_u32().is_multiple_of(2) {
        return Moment::Line(1 + noise.next_u32() % rig.lines(), u64::from(noise.next_u32() % MOST_MILLISECONDS));
    }
    let transition = pick(Transition::ALL, noise).unwrap_or(Transition::StationStarted);
    // The transitions of a recovery come only after a death, and then once.
    Moment::At(transition, 1 + noise.next_u32() % rig.count(transition).max(1))
}

fn pick<T: Copy>(from: &[T], noise: &mut Noise) -> Option<T> {
    from.get(noise.next_u32() as usize % from.len()).copied()
}
