//! How a phone becomes a device and shows that it still is one: invitation, enrolment, challenge, token. Shared by
//! both ends; none of it is in the log.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::canon::hash::Sha;
use crate::id::{DeviceId, WorkerId};

/// The scheme that opens an invitation's text, and with it the format's version.
pub const INVITATION: &str = "nuanfang://enrol/1?";

/// What the QR code of an enrolment holds: everything a new phone must know to trust one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the server is: `https://host[:port]`, or `http://` on loopback; no path.
    pub url: String,
    /// The one-time code.
    pub code: String,
    /// SHA-256 of the server's TLS key (its SubjectPublicKeyInfo, DER); none trusts the public roots.
    pub pin: Option<Sha>,
    /// The supplier's fingerprint: SHA-256 of its root certificate (DER), when already known.
    pub supplier: Option<Sha>,
}

impl Invitation {
    /// Its text, as the QR code holds it: `nuanfang://enrol/1?u=…&c=…&p=…&s=…`, url and code percent-encoded.
    pub fn to_text(&self) -> String {
        let mut text = format!("{INVITATION}u={}&c={}", escape(&self.url), escape(&self.code));
        if let Some(pin) = &self.pin {
            text.push_str(&format!("&p={pin}"));
        }
        if let Some(supplier) = &self.supplier {
            text.push_str(&format!("&s={supplier}"));
        }
        text
    }

    /// Reads what a camera saw. `None` when it is no invitation of ours; unknown parts are passed over.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut url, mut code, mut pin, mut supplier) = (None, None, None, None);
        for part in text.trim().strip_prefix(INVITATION)?.split('&') {
            let (name, value) = part.split_once('=')?;
            match name {
                "u" => url = Some(unescape(value)?),
                "c" => code = Some(unescape(value)?),
                "p" => pin = Some(value.parse().ok()?),
                "s" => supplier = Some(value.parse().ok()?),
                _ => {}
            }
        }
        Some(Self { url: url?, code: code?, pin, supplier })
    }
}

/// `POST /v1/enrol`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolRequest {
    /// The one-time code.
    pub code: String,
    /// The device key's SubjectPublicKeyInfo, DER, base64url without padding.
    pub public_key: String,
    /// What the worker calls the phone.
    pub name: String,
    /// The app's version.
    pub app: String,
    /// The devices this phone was before, the first one first: their log goes on under the new one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continues: Vec<DeviceId>,
    /// Their certificates, as far as the phone kept them: for a server that was restored and lost an enrolment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
}

/// Its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolReply {
    /// The new device.
    pub device: DeviceId,
    /// Whose it is.
    pub worker: WorkerId,
    /// The supplier's id.
    pub supplier: String,
    /// The server's epoch.
    pub epoch: u64,
    /// The device's certificate, a JWS signed under the supplier's root.
    pub certificate: String,
}

/// `POST /v1/challenge`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChallengeRequest {
    /// Who asks.
    pub device: DeviceId,
}

/// Its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChallengeReply {
    /// To be signed, once.
    pub nonce: String,
}

/// `POST /v1/token`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRequest {
    /// Who asks.
    pub device: DeviceId,
    /// The challenge.
    pub nonce: String,
    /// The device key's signature over [`challenge_bytes`]: ES256, r ‖ s, base64url without padding.
    pub signature: String,
    /// The device's certificate, as the enrolment gave it: for a server that was restored and lost the enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Beside it: the devices this phone was before, as its enrolment said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continues: Vec<DeviceId>,
    /// Their certificates, as far as the phone kept them: for a server that was restored and lost an enrolment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
}

/// Its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenReply {
    /// Sent as `Authorization: Bearer …`.
    pub token: String,
    /// For how many seconds.
    pub expires_s: u32,
    /// [Dictionaries](super::dictionary) that exchanges may be packed with, as long as the token lasts:
    /// `zstd-dict:<id>`. A server that says nothing of them knows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enc: Vec<String>,
    /// The device may only hand in what it holds: as [`SyncReply::dismissed`](super::SyncReply::dismissed), for one that
    /// exchanges nothing any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dismissed: bool,
}

/// What a device signs to get a token. The tag keeps this signature from ever being taken for another one's.
pub fn challenge_bytes(device: DeviceId, nonce: &str) -> Vec<u8> {
    format!("nuanfang/token/1\n{device}\n{nonce}").into_bytes()
}

/// Base64url without padding.
pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64url without padding.
pub fn unb64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digits = std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_reads_back_as_it_was_written() {
        let invitation = Invitation {
            url: "https://暖.example.cn:8443".into(),
            code: "7QK2 & =%".into(),
            pin: Some(Sha::of(b"key")),
            supplier: None,
        };
        assert_eq!(Invitation::parse(&invitation.to_text()), Some(invitation));
    }

    #[test]
    fn what_is_no_invitation_is_none() {
        for text in [
            "",
            "https://example.cn",
            "nuanfang://enrol/1?",
            "nuanfang://enrol/1?u=%zz&c=1",
            "nuanfang://enrol/2?u=a&c=b",
        ] {
            assert_eq!(Invitation::parse(text), None, "{text}");
        }
    }
}
