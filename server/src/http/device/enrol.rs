//! `POST /v1/enrol`: a one-time code and a device's public key become an enrolment.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::DeviceEnrolled;
use nuanfang_core::id::DeviceId;
use nuanfang_core::record::PublicKey;
use nuanfang_core::wire::auth::{EnrolReply, EnrolRequest, unb64};
use uuid::Uuid;

use crate::http::Problem;
use crate::office::OfficeAct;
use crate::state::AppState;
use crate::store::{Reading, Store, StoreError};

/// Trades the code for an enrolment. A code works once.
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
    let worker = tokio::task::spawn_blocking(move || crate::enrolment::redeem(&vault, &code))
        .await
        .map_err(|error| Problem::internal(&error))??
        .ok_or_else(|| Problem::forbidden("enrol.code_invalid", "注册码无效或已过期，请向调度重新索取"))?;
    let device = DeviceId(Uuid::now_v7());
    let name: String = request.name.chars().filter(|c| !c.is_control()).take(60).collect();
    let act = Event::DeviceEnrolled(DeviceEnrolled { device, worker, public_key: request.public_key, name });
    state.office.append::<StoreError, _>(worker, vec![OfficeAct::of(act)], |_| Ok(())).await?;
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
