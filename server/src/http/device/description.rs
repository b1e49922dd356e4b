//! The description of what phones ask (OpenAPI 3.1).

use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{blobs, enrol, sync, token};
use crate::http::Problem;
use crate::http::problem::may_fail;

/// What `nuanfang openapi --phones` prints.
pub fn openapi() -> Description {
    let mut description = Phones::openapi();
    may_fail(&mut description);
    description
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Nuanfang phones", description = "What phones ask. A token is shown as `Authorization: Bearer …`."),
    paths(enrol::enrol, token::challenge, token::token, sync::sync, blobs::head, blobs::patch, super::time,
        super::keys),
    components(schemas(Problem)),
    modifiers(&Token)
)]
struct Phones;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut Description) {
        let shown = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        description.components.get_or_insert_default().add_security_scheme("token", shown);
    }
}
