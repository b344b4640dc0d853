//! Whether a device may be read: a pure function of its facts and the policy. Deny beats allow, and what is not known is refused.

use crate::facts::{DeviceFacts, Interface};
use model::device::{DeviceKind, DevicePattern, DevicePolicy};

/// What the policy says about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It may be read.
    Admitted,
    /// It may not.
    Refused(Refusal),
}

impl Judgement {
    /// Whether it may be read.
    pub const fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted)
    }
}

impl std::fmt::Display for Judgement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admitted => f.write_str("admitted"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}

/// Why a device may not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It offers something beside storage; the whole device is refused.
    #[error("beside storage it offers {0}")]
    Interface(Interface),
    /// A USB disk whose device names no interface of mass storage.
    #[error("its USB device has no interface of mass storage")]
    NoStorage,
    /// It can be switched to interfaces that cannot be seen now.
    #[error("its USB device has more than one configuration; what the others offer cannot be seen")]
    Configurations,
    /// Its kind is not read here.
    #[error("{0} devices are not read here (device.kinds, device.allow_virtual)")]
    Kind(DeviceKind),
    /// The policy names it.
    #[error("the policy denies it (device.deny)")]
    Denied,
    /// The policy has a list, and it is not on it.
    #[error("it is not on the policy's list (device.allow)")]
    NotAllowed,
}

impl Refusal {
    /// Whether the USB device is to be switched off: it is more than storage, or somebody denied it by name.
    pub const fn keeps_unauthorised(&self) -> bool {
        match self {
            Self::Interface(_) | Self::NoStorage | Self::Configurations | Self::Denied | Self::NotAllowed => true,
            Self::Kind(_) => false,
        }
    }
}

/// Judges a device.
pub fn judge(facts: &DeviceFacts, policy: &DevicePolicy) -> Judgement {
    refusal(facts, policy).map_or(Judgement::Admitted, Judgement::Refused)
}

fn refusal(facts: &DeviceFacts, policy: &DevicePolicy) -> Option<Refusal> {
    if facts.usb_device.is_some() {
        if let Some(other) = facts.interfaces.iter().find(|interface| !interface.is_storage()) {
            return Some(Refusal::Interface(*other));
        }
        if facts.interfaces.is_empty() {
            return Some(Refusal::NoStorage);
        }
        if facts.configurations != 1 {
            return Some(Refusal::Configurations);
        }
    }
    let kind_is_read = match facts.kind {
        DeviceKind::Virtual => policy.allow_virtual,
        DeviceKind::System => false,
        kind @ (DeviceKind::Usb | DeviceKind::Optical | DeviceKind::Mmc) => policy.kinds.contains(&kind),
    };
    if !kind_is_read {
        return Some(Refusal::Kind(facts.kind));
    }
    if policy.deny.iter().any(|pattern| is_meant(pattern, facts)) {
        return Some(Refusal::Denied);
    }
    let listed = policy.allow.is_empty() || policy.allow.iter().any(|pattern| is_meant(pattern, facts));
    (!listed).then_some(Refusal::NotAllowed)
}

/// Whether every key of the pattern is equal; a key about something the device does not say is not.
fn is_meant(pattern: &DevicePattern, facts: &DeviceFacts) -> bool {
    let identified = |wanted: &Option<String>, id: Option<u16>, name: &Option<String>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| id.is_some_and(|id| wanted.eq_ignore_ascii_case(&format!("{id:04x}"))) || name.as_ref() == Some(wanted))
    };
    let equal = |wanted: &Option<String>, said: &Option<String>| wanted.is_none() || wanted == said;
    !pattern.is_empty()
        && identified(&pattern.vendor, facts.vendor_id, &facts.vendor)
        && identified(&pattern.product, facts.product_id, &facts.product)
        && equal(&pattern.serial, &facts.serial)
        && equal(&pattern.port, &facts.port)
}
