//! What `check` and `view` are told of the world around a visit: all of it as arguments.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::instrument::Instrument;
use super::rules::Rules;
use super::units::DeciCelsius;
use super::worker::Qualification;
use crate::canon::envelope::BlobRef;
use crate::id::{DeviceId, WorkerId};
use crate::time::{Estimate, Millis, Stamp};

/// Now, as a device knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Now {
    /// Its clocks.
    pub stamp: Stamp,
    /// Its estimate from the server's time, if it has one. Deadlines are judged by it, so that a phone whose clock is
    /// years off still judges right.
    pub estimate: Option<Estimate>,
}

impl Now {
    /// The best single instant.
    pub fn best(&self) -> Millis {
        self.estimate.map_or(Millis(self.stamp.wall_ms), |estimate| estimate.est)
    }

    /// The interval in which now lies.
    pub fn interval(&self) -> Estimate {
        self.estimate.unwrap_or_else(|| Estimate::exact(Millis(self.stamp.wall_ms)))
    }
}

/// The world around one act.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Now.
    pub now: Now,
    /// Who acts; none = the office looks on.
    pub worker: Option<WorkerId>,
    /// In which log; where a lane has several writers, this one's is meant.
    pub device: Option<DeviceId>,
    /// The bundle in force.
    pub rules: Arc<Rules>,
    /// The worker's right to work; none = not known, which forbids to depart.
    pub qualification: Option<Qualification>,
    /// The register of instruments.
    pub instruments: Vec<Instrument>,
    /// Temperature agreed with the household; the plan's goes before it, the rules' default after it.
    pub agreed: Option<DeciCelsius>,
    /// The files that will be appended with the act.
    pub blobs: Vec<BlobRef>,
}

impl Context {
    /// A context for looking, not for acting.
    pub fn looking(now: Now, rules: Arc<Rules>) -> Self {
        Self {
            now,
            worker: None,
            device: None,
            rules,
            qualification: None,
            instruments: Vec::new(),
            agreed: None,
            blobs: Vec::new(),
        }
    }
}
