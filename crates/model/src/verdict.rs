//! The verdict lattice (I2): one pure function over findings and coverage.

use crate::finding::{Effect, Finding};
use serde::{Deserialize, Serialize};

/// The joined judgement over all findings of an item. Ordered from best to worst; joining takes the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every required engine has read every byte and none objects.
    Clear,
    /// An inspector saw something a person must judge.
    Suspicious,
    /// Not everything could be looked at: an error, a limit, a missing engine. The default.
    #[default]
    Undetermined,
    /// An engine knows this content as hostile.
    Malicious,
}

impl Verdict {
    /// The least upper bound: the worse of the two.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        self.max(other)
    }

    /// Stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Suspicious => "suspicious",
            Self::Undetermined => "undetermined",
            Self::Malicious => "malicious",
        }
    }
}

/// Which engine read how much of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Engine name, as in the policy's list of required engines.
    pub engine: String,
    /// Whether the engine says it has read every byte.
    pub complete: bool,
}

/// Joins findings and coverage into a verdict. `required` lists the engines without which nothing is `Clear`.
pub fn judge(findings: &[Finding], coverage: &[Coverage], required: &[&str]) -> Verdict {
    let covered = !required.is_empty()
        && required.iter().all(|name| {
            let mut of_engine = coverage.iter().filter(|c| c.engine == *name).peekable();
            of_engine.peek().is_some() && of_engine.all(|c| c.complete)
        });
    let floor = if covered { Verdict::Clear } else { Verdict::default() };
    findings.iter().map(|f| verdict_of(f.effect)).fold(floor, Verdict::join)
}

fn verdict_of(effect: Effect) -> Verdict {
    match effect {
        Effect::Note | Effect::Strip => Verdict::Clear,
        Effect::Suspicious => Verdict::Suspicious,
        Effect::Undetermined => Verdict::Undetermined,
        Effect::Malicious => Verdict::Malicious,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{EngineStamp, FindingCode};
    use proptest::prelude::*;

    const ALL: [Verdict; 4] = [Verdict::Clear, Verdict::Suspicious, Verdict::Undetermined, Verdict::Malicious];

    fn effect() -> impl Strategy<Value = Effect> {
        prop_oneof![Just(Effect::Note), Just(Effect::Strip), Just(Effect::Suspicious), Just(Effect::Undetermined), Just(Effect::Malicious)]
    }

    fn finding(effect: Effect) -> Finding {
        Finding::new(FindingCode::YaraMatch, effect, EngineStamp::own(), String::new())
    }

    fn full() -> Vec<Coverage> {
        vec![Coverage { engine: "clamav".into(), complete: true }, Coverage { engine: "yara".into(), complete: true }]
    }

    #[test]
    fn the_default_is_undetermined() {
        assert_eq!(Verdict::default(), Verdict::Undetermined);
        assert_eq!(judge(&[], &[], &["clamav"]), Verdict::Undetermined);
    }

    #[test]
    fn an_empty_list_of_required_engines_clears_nothing() {
        assert_eq!(judge(&[], &full(), &[]), Verdict::Undetermined);
    }

    #[test]
    fn join_is_a_semilattice() {
        for a in ALL {
            assert_eq!(a.join(a), a);
            assert_eq!(a.join(Verdict::Clear), a);
            assert_eq!(a.join(Verdict::Malicious), Verdict::Malicious);
            for b in ALL {
                assert_eq!(a.join(b), b.join(a));
                for c in ALL {
                    assert_eq!(a.join(b).join(c), a.join(b.join(c)));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn more_findings_never_better(effects in prop::collection::vec(effect(), 0..12), extra in effect()) {
            let mut findings: Vec<_> = effects.into_iter().map(finding).collect();
            let before = judge(&findings, &full(), &["clamav", "yara"]);
            findings.push(finding(extra));
            prop_assert!(judge(&findings, &full(), &["clamav", "yara"]) >= before);
        }

        #[test]
        fn order_does_not_matter(effects in prop::collection::vec(effect(), 0..12)) {
            let findings: Vec<_> = effects.iter().copied().map(finding).collect();
            let reversed: Vec<_> = effects.into_iter().rev().map(finding).collect();
            prop_assert_eq!(judge(&findings, &full(), &["clamav"]), judge(&reversed, &full(), &["clamav"]));
        }

        #[test]
        fn clear_needs_every_required_engine_in_full(first in any::<bool>(), second in any::<bool>(), absent in any::<bool>()) {
            let mut coverage = vec![Coverage { engine: "clamav".into(), complete: first }];
            if !absent { coverage.push(Coverage { engine: "yara".into(), complete: second }); }
            let verdict = judge(&[], &coverage, &["clamav", "yara"]);
            prop_assert_eq!(verdict == Verdict::Clear, first && second && !absent);
        }
    }
}
