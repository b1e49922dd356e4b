//! How busy the writer is, as it is measured while it works.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// The writer's measures. Cheap to clone; all clones are the same measures.
#[derive(Debug, Clone)]
pub struct Load {
    /// Jobs that wait for the writer.
    pub waiting: Gauge,
    /// Jobs in a commit.
    pub group: Histogram,
    /// Seconds a commit took, its sync to the disk included.
    pub commit: Histogram,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            waiting: Gauge::default(),
            group: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            commit: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
        }
    }
}
