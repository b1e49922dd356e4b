//! `POST /v1/enrol`: a one-time code and a device's public key become an enrolment.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::DeviceEnrolled;
use nuanfang_core::record::PublicKey;
use nuanfang_core::wire::auth::{EnrolReply, EnrolRequest, unb64};

use crate::enrolment::Redeemed;
use crate::http::Problem;
use crate::office::{OfficeAct, readmission};
use crate::state::AppState;
use crate::store::{Reading, Store, StoreError, blocking};

/// Trades the code for an enrolment. A code works once; for the phone that traded it, again until it expires: an answer
/// that was lost on the way costs no new code.
#[utoipa::path(post, path = "/v1/enrol", tag = "phones", operation_id = "enrol", request_body = EnrolRequest,
    responses((status = 200, body = EnrolReply, description = "The enrolment")))]
pub async fn enrol<S: Store>(
    State(state): State<AppState<S>>,
    request: Result<Json<EnrolRequest>, JsonRejection>,
) -> Result<Json<EnrolReply>, Problem> {
    let Json(request) = request?;
    let key = unb64(&request.public_key)
        .and_then(|der| PublicKey::from_spki_der(&der).ok())
        .ok_or_else(|| Problem::bad_request("enrol.key_unreadable", "设备公钥无法识别"))?;
    let vault = state.vault.clone();
    let code = request.code.clone();
    let key_sha = Sha::of(&key.to_spki_der());
    let redeemed = blocking(move || crate::enrolment::redeem(&vault, &code, key_sha))
        .await?
        .ok_or_else(|| Problem::forbidden("enrol.code_invalid", "登记码无效或已过期，请向主管重新索取"))?;
    let Redeemed { worker, device } = redeemed;
    if state.store.read_now(|store| store.device(device))?.is_none() {
        let name: String = request.name.chars().filter(|c| !c.is_control()).take(60).collect();
        let mut acts = match state.store.read_now(|store| store.epoch())? {
            // Nothing was ever lost.
            ..2 => Vec::new(),
            _ => readmission::earlier(&state.keys, worker, &request.certificates, |device| {
                Ok::<_, StoreError>(state.store.read_now(|store| store.device(device))?.is_some())
            })?,
        };
        let continues = request.continues;
        let enrolled = DeviceEnrolled { device, worker, public_key: request.public_key, name, since: None, continues };
        let act = Event::DeviceEnrolled(enrolled);
        acts.push(OfficeAct::of(act));
        state.office.append::<StoreError, _>(worker, acts, |_| Ok(())).await?;
    }
    let enrolled = state
        .store
        .read_now(|store| store.device(device))?
        .ok_or_else(|| Problem::internal(&"an enrolment is not there after it was made"))?;
    let certificate = state.keys.certify(device, worker, &key, enrolled.enrolled)?;
    let epoch = state.store.read_now(|store| store.epoch())?;
    Ok(Json(EnrolReply {
        device,
        worker,
        supplier: state.keys.supplier.id.to_string(),
        epoch,
        certificate: serde_json::to_string(&certificate.jws).map_err(|error| Problem::internal(&error))?,
    }))
}
