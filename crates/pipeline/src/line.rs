//! The line, in one screen.
//!
//! ```text
//! spooled ─► identify ─► scan ─► decide ─► strip ─► convert (render | rebuild | unpack, then verify) ─► sanitised
//!                └───────────┴──────┴────────┴─────────┴─► held
//! ```

use crate::fault::StationFault;
use crate::metrics::{Metrics, Timed};
use crate::stage::{Convert, Decide, Identify, Scan, Shared, Strip, Unpacked, Verify};
use crate::transition::{Transition, Transitions};
use model::Item;
use model::item::{Held, Sanitised, Spooled, State, Step};
use scan::Engine;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// One stage: takes an item in one state and gives it back in the next, or holds it.
///
/// Trouble with an item is never an `Err`: an `Err` would lose it.
pub trait Stage {
    /// State it takes.
    type In: State;
    /// State it gives.
    type Out: State;
    /// Carries the stage out.
    fn run(&self, item: Item<Self::In>) -> impl Future<Output = Result<Step<Self::Out>, StationFault>> + Send;
}

/// The stages in force for a session.
pub(crate) struct Line {
    pub(crate) identify: Identify,
    pub(crate) scan: Scan,
    pub(crate) decide: Decide,
    pub(crate) strip: Strip,
    pub(crate) convert: Convert,
    pub(crate) transitions: Arc<dyn Transitions>,
}

/// How an item left the line.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With artefacts the verifier accepted.
    Sanitised(Item<Sanitised>),
    /// Off the line.
    Held(Held),
}

macro_rules! advance {
    ($step:expr) => {
        match $step.await? {
            Step::Advance(item) => item,
            Step::Withhold(held) => return Ok(Ended::Held(held)),
        }
    };
}

impl Line {
    /// The stages over these engines, and where members of archives come out.
    pub(crate) fn of(shared: &Shared, engines: &Arc<Vec<Box<dyn Engine>>>) -> (Self, UnboundedReceiver<Unpacked>) {
        let (sender, unpacked) = mpsc::unbounded_channel();
        let verify = Verify { shared: shared.clone(), engines: Arc::clone(engines) };
        let line = Self {
            identify: Identify(shared.clone()),
            scan: Scan { shared: shared.clone(), engines: Arc::clone(engines) },
            decide: Decide(shared.clone()),
            strip: Strip(shared.clone()),
            convert: Convert { shared: shared.clone(), verify, unpacked: sender, spent: Mutex::default() },
            transitions: Arc::clone(&shared.transitions),
        };
        (line, unpacked)
    }

    /// Takes one item from the spool to its end.
    pub(crate) async fn run(&self, item: Item<Spooled>) -> Result<Ended, StationFault> {
        let item = advance!(self.metrics().timed(Timed::Identify, self.identify.run(item)));
        self.transitions.reached(Transition::Identified);
        let item = advance!(self.metrics().timed(Timed::Scan, self.scan.run(item)));
        self.transitions.reached(Transition::Scanned);
        let item = advance!(self.metrics().timed(Timed::Decide, self.decide.run(item)));
        self.transitions.reached(Transition::Decided);
        let item = advance!(self.metrics().timed(Timed::Strip, self.strip.run(item)));
        self.transitions.reached(Transition::Stripped);
        let item = advance!(self.convert.run(item));
        Ok(Ended::Sanitised(item))
    }

    fn metrics(&self) -> &Metrics {
        &self.convert.shared.metrics
    }
}
