//! The console's pages, embedded in the binary. Their security policy allows nothing from elsewhere and no inline
//! script or style; files with a hash in their name may be kept for ever, the page itself is asked for each time.

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::{any, get};
use memory_serve::CacheControl;
use tower_http::set_header::SetResponseHeaderLayer;

use super::not_found;

/// What a page of the console may load: this server's own files, and pictures that the page makes itself.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      worker-src 'self'; connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'self'";

/// Serves the console at every address that is nobody else's. A missing file, and what lies under another room's
/// prefix, is 404 and never the page.
pub fn router() -> Router {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let pages = memory_serve::load!()
        .index_file(Some("/index.html"))
        .fallback(Some("/index.html"))
        .fallback_status(StatusCode::OK)
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::Long)
        .into_router();
    let pages = headers.into_iter().fold(pages, |pages, (name, value)| {
        pages.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)))
    });
    ["/assets/{*missing}", "/api/{*rest}", "/v1/{*rest}", "/p/{*rest}"].into_iter().fold(pages, |pages, path| {
        pages.route(path, if path.starts_with("/assets") { get(not_found) } else { any(not_found) })
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use tower::ServiceExt;

    async fn ask(path: &str) -> (StatusCode, Option<String>, Option<String>) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = super::router().oneshot(request).await.expect("an answer");
        let text = |name| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        (answer.status(), text(header::CONTENT_TYPE), text(header::CONTENT_SECURITY_POLICY))
    }

    #[tokio::test]
    async fn any_page_address_is_the_page_under_the_strictest_policy() {
        for path in ["/", "/board", "/visits/0193aaaa-0000-7000-8000-000000000001"] {
            let (status, kind, policy) = ask(path).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert!(kind.is_some_and(|kind| kind.starts_with("text/html")), "{path}");
            assert!(policy.is_some_and(|policy| !policy.contains("unsafe")), "{path}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_never_the_page() {
        for path in ["/assets/gone.js", "/api/gone", "/v1/gone", "/p/gone"] {
            let (status, kind, _) = ask(path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(kind.as_deref(), Some("application/problem+json"), "{path}");
        }
    }
}
