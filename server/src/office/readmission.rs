//! A phone whose enrolment was lost with the office's data comes back by itself: its certificate, signed under the
//! supplier's root, says who enrolled it and since when.

use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::DeviceEnrolled;
use nuanfang_core::id::{DeviceId, WorkerId};
use nuanfang_core::record::{Certificate, Holder, Jws, PublicKey};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::b64;

use super::OfficeAct;
use crate::keys::Keys;

/// An enrolment, as its certificate tells it.
#[derive(Debug, Clone)]
pub struct Lost {
    /// Which device.
    pub device: DeviceId,
    /// Whose.
    pub worker: WorkerId,
    /// Its key.
    pub key: PublicKey,
    /// Since when.
    pub since: Millis,
}

/// Reads a device's certificate. `None` if it is not one that this supplier's root signed.
pub fn read(keys: &Keys, text: &str) -> Option<Lost> {
    let jws: Jws = serde_json::from_str(text).ok()?;
    let certified = Certificate::open(&jws).ok()?;
    let says = certified.certificate;
    let Holder::Device { device, worker } = says.holder else { return None };
    let ours = says.supplier == keys.supplier.id && says.issuer == keys.root.public().jwk();
    ours.then_some(Lost { device, worker, key: certified.key, since: says.valid_from_ms })
}

/// Those that a phone of `worker` shows of devices it was before and that the office does not know any more.
///
/// # Errors
/// What `known` says.
pub fn earlier<E>(
    keys: &Keys,
    worker: WorkerId,
    certificates: &[String],
    mut known: impl FnMut(DeviceId) -> Result<bool, E>,
) -> Result<Vec<OfficeAct>, E> {
    let mut acts = Vec::new();
    let mut past: Vec<DeviceId> = Vec::new();
    for lost in certificates.iter().filter_map(|text| read(keys, text)).filter(|lost| lost.worker == worker) {
        let device = lost.device;
        if past.contains(&device) {
            continue;
        }
        if !known(device)? {
            acts.push(lost.into_act(past.clone()));
        }
        past.push(device);
    }
    Ok(acts)
}

impl Lost {
    /// The act that puts it back, with the devices whose log it goes on with. What its certificate was stays what it is, so
    /// that what it signed stays good.
    pub fn into_act(self, continues: Vec<DeviceId>) -> OfficeAct {
        OfficeAct::of(Event::DeviceEnrolled(DeviceEnrolled {
            device: self.device,
            worker: self.worker,
            public_key: b64(&self.key.to_spki_der()),
            name: "恢复登记".into(),
            since: Some(self.since),
            continues,
        }))
    }
}
