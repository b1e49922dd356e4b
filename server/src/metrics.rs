//! What whoever watches the server reads: Prometheus' text, at an address of its own on this machine. Devices stand there
//! by their ids, nobody by name.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use nuanfang_core::id::DeviceId;
use nuanfang_core::time::Millis;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http::Problem;
use crate::office::project::device;
use crate::office::seen::Device;
use crate::state::AppState;
use crate::store::StoreError;

/// OpenMetrics, as Prometheus reads it.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `GET /metrics` at `listen` until the task is aborted.
///
/// # Errors
/// If it can't listen there.
pub async fn serve(state: &AppState, listen: SocketAddr) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let registry = Arc::new(registry(state));
    let told = move || {
        let registry = Arc::clone(&registry);
        async move { tell(&registry) }
    };
    let listener = TcpListener::bind(listen).await?;
    let addr = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, Router::new().route("/metrics", get(told))).await {
            tracing::warn!(%error, "the measures are no longer told");
        }
    });
    Ok((addr, serving))
}

fn tell(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

fn registry(state: &AppState) -> Registry {
    let mut registry = Registry::with_prefix("nuanfang");
    let load = state.store.load();
    registry.register("writer_waiting", "Jobs that wait for the writer", load.waiting.clone());
    registry.register("writer_group", "Jobs in one commit", load.group.clone());
    registry.register_with_unit(
        "writer_commit",
        "Time of a commit, its sync to the disk included",
        Unit::Seconds,
        load.commit.clone(),
    );
    registry.register_with_unit(
        "request",
        "Time from a request's head to its answer; for /v1/sync that of the acknowledgement",
        Unit::Seconds,
        state.gate.answered.clone(),
    );
    registry.register("turned_away", "Requests turned away, by reason", state.gate.turned_away.clone());
    registry.register_collector(Box::new(Present(state.clone())));
    registry
}

/// What is counted when it is asked for.
struct Present(AppState);

impl fmt::Debug for Present {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Present")
    }
}

impl Collector for Present {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.counts().unwrap_or_else(|error| {
            tracing::warn!(%error, "the measures lack what the store holds");
            Vec::new()
        });
        for (name, help, value) in counts {
            gauge(&mut encoder, name, help, value)?;
        }
        let (now, devices) = (self.0.now(), self.expected());
        let since = |at: Millis| now.0.saturating_sub(at.0).max(0) / 1000;
        per_device(
            &mut encoder,
            "device_unsent",
            "Operations a phone said it still holds",
            None,
            &devices,
            |device| Some(device.owes.ops as i64),
        )?;
        per_device(
            &mut encoder,
            "device_unsent_files",
            "Files a phone said it still holds",
            None,
            &devices,
            |device| Some(device.owes.blobs as i64),
        )?;
        let oldest = "How long a phone has held something unsent";
        per_device(&mut encoder, "device_unsent_age", oldest, Some(&Unit::Seconds), &devices, |device| {
            device.owing_ms(now).map(|ms| ms / 1000)
        })?;
        let silent = "How long a phone has not come";
        per_device(&mut encoder, "device_silence", silent, Some(&Unit::Seconds), &devices, |device| {
            Some(since(device.seen))
        })
    }
}

impl Present {
    /// The phones of which something is to be expected.
    fn expected(&self) -> Vec<(DeviceId, Device)> {
        let replaced = self.0.store.read_now(device::replaced).unwrap_or_else(|error| {
            tracing::warn!(%error, "the measures still have phones that were enrolled anew");
            device::Replaced::default()
        });
        let mut devices = self.0.seen.all();
        devices.retain(|(id, device)| !replaced.has(*id, device.seen));
        devices
    }

    fn counts(&self) -> Result<Vec<(&'static str, &'static str, i64)>, StoreError> {
        let wal = self.0.store.log_bytes();
        let (connections, turned_away) = self.0.gate.connections.count();
        self.0.store.read_now(|db| {
            let count = |sql: &str| db.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
            Ok(vec![
                ("connections", "Connections that are open", connections as i64),
                ("connections_turned_away", "Connections turned away since the start", turned_away as i64),
                ("wal_bytes", "Length of the write-ahead log", wal as i64),
                ("files_missing", "Files that operations name and that have not come", {
                    count("SELECT count(*) FROM blob WHERE whole_ms IS NULL")?
                }),
                ("late", "Operations judged late", count("SELECT count(*) FROM outcome WHERE o = 'late'")?),
                (
                    "held",
                    "Operations that wait: not understood yet, or about a visit that nobody knows",
                    count("SELECT count(*) FROM outcome WHERE o = 'held'")?,
                ),
                ("quarantined", "Operations kept apart", {
                    count("SELECT count(*) FROM outcome WHERE o = 'quarantined'")?
                }),
                ("unsafe", "Operations not yet in the backup", {
                    count("SELECT coalesce(sum(acked - safe), 0) FROM writer")?
                }),
            ])
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    device: String,
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn per_device(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    devices: &[(DeviceId, Device)],
    value: impl Fn(&Device) -> Option<i64>,
) -> Result<(), fmt::Error> {
    let kind = prometheus_client::metrics::MetricType::Gauge;
    let mut family = encoder.encode_descriptor(name, help, unit, kind)?;
    for (id, device) in devices {
        if let Some(value) = value(device) {
            let which = Which { device: id.to_string() };
            ConstGauge::new(value).encode(family.encode_family(&which)?)?;
        }
    }
    Ok(())
}
