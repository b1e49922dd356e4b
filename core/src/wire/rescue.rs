//! The rescue file: everything a phone still holds, in one file that only the company can open (docs/formats/rescue.md).
//! Sealed with HPKE (RFC 9180: DHKEM P-256, HKDF-SHA256, AES-256-GCM) to the supplier's root key, which every enrolled
//! phone has had since its enrolment; chunk by chunk, so that a phone with little memory and a cut copy both get by.

use std::io::{self, Read, Write};

use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use p256::elliptic_curve::rand_core::OsRng;
use serde::{Deserialize, Serialize};

use super::Op;
use crate::canon::hash::Sha;
use crate::id::{DeviceId, WorkerId};

/// What the file begins with, and with it the format's version. Also HPKE's `info`.
pub const TAG: &[u8] = b"nuanfang/rescue/1\n";
/// Plaintext bytes in one chunk at most.
const CHUNK: usize = 64 * 1024;
/// HPKE's authentication tag, and its encapsulated key.
const MAC: usize = 16;
const ENC: usize = 65;
/// A frame longer than this is no frame of ours.
const FRAME_LIMIT: u64 = 256 * 1024 * 1024;

/// The first frame: whose file it is, and what to expect in it up to the next of its kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescueHead {
    /// 1.
    pub schema: u32,
    /// Whose log.
    pub device: DeviceId,
    /// The worker.
    pub worker: WorkerId,
    /// The app's version.
    pub app: String,
    /// The position before the first operation here.
    pub base: u64,
    /// The hash of the envelope there.
    pub base_sha: Sha,
    /// How many operations follow.
    pub ops: u64,
    /// How many files follow them.
    pub files: u64,
    /// The device's certificate, as its enrolment gave it.
    pub certificate: String,
    /// The device's signature over its log's head (a JWS, `vnd.nuanfang.log-head`); none when its key is gone.
    pub head: Option<String>,
    /// The devices this phone was before, the first one first. What was safe of them is not in the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continues: Vec<DeviceId>,
    /// Their certificates, as far as the phone kept them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// Where it was any: the server's epoch, as the phone knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// A part of the file.
#[derive(Debug, Clone)]
pub enum Frame {
    /// The first; and once more before what lies behind an operation that the phone can't read.
    Head(Box<RescueHead>),
    /// An operation, in the order of the log.
    Op(Box<Op>),
    /// A file that operations name.
    File(Sha, Vec<u8>),
    /// The last.
    End,
}

/// Why a file can't be read, or not on.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It is none of ours.
    #[error("不是救援文件")]
    NoRescue,
    /// It was sealed to another company.
    #[error("此文件是为另一家企业封存的（密钥 {}）", .0.short())]
    OtherKey(Sha),
    /// It ends too early; all before was read.
    #[error("文件不完整：复制中断")]
    Cut,
    /// A byte in it is not what was written.
    #[error("文件已损坏")]
    Damaged,
    /// The disk.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Cut } else { Self::Io(error) }
    }
}

/// Seals frames into `W`.
pub struct Sealer<W: Write> {
    context: AeadCtxS<AesGcm256, HkdfSha256, DhP256HkdfSha256>,
    plain: Vec<u8>,
    out: W,
}

impl<W: Write> Sealer<W> {
    /// Begins a file for the owner of the key `recipient` (an uncompressed SEC 1 point), known as `kid`.
    ///
    /// # Errors
    /// What `out` says; [`io::ErrorKind::InvalidInput`] if it is no P-256 key.
    pub fn begin(recipient: &[u8; 65], kid: &Sha, mut out: W) -> io::Result<Self> {
        let wrong = |error: hpke::HpkeError| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        let key = <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(recipient).map_err(wrong)?;
        let (enc, context) =
            hpke::setup_sender::<_, _, DhP256HkdfSha256, _>(&OpModeS::Base, &key, TAG, &mut OsRng).map_err(wrong)?;
        out.write_all(TAG)?;
        out.write_all(&kid.0)?;
        out.write_all(&enc.to_bytes())?;
        Ok(Self { context, plain: Vec::new(), out })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// What the way out says.
    pub fn add(&mut self, frame: &Frame) -> io::Result<()> {
        let json = |error: serde_json::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        match frame {
            Frame::Head(head) => self.frame(b'H', &[&serde_json::to_vec(head).map_err(json)?]),
            Frame::Op(op) => self.frame(b'O', &[&serde_json::to_vec(op).map_err(json)?]),
            Frame::File(sha, bytes) => self.frame(b'F', &[&sha.0, bytes]),
            Frame::End => self.frame(b'E', &[]),
        }
    }

    /// Ends the file and gives back where it went.
    ///
    /// # Errors
    /// What the way out says.
    pub fn finish(mut self) -> io::Result<W> {
        self.add(&Frame::End)?;
        let rest = std::mem::take(&mut self.plain);
        self.chunk(&rest, true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.plain.push(kind);
        self.plain.extend_from_slice(&(len as u64).to_be_bytes());
        parts.iter().for_each(|part| self.plain.extend_from_slice(part));
        // One chunk's worth is kept back: the last of all is marked as such.
        while self.plain.len() > CHUNK {
            let rest = self.plain.split_off(CHUNK);
            let full = std::mem::replace(&mut self.plain, rest);
            self.chunk(&full, false)?;
        }
        Ok(())
    }

    fn chunk(&mut self, plain: &[u8], last: bool) -> io::Result<()> {
        let sealed =
            self.context.seal(plain, &[u8::from(last)]).map_err(|error| io::Error::other(error.to_string()))?;
        self.out.write_all(&(sealed.len() as u32).to_be_bytes())?;
        self.out.write_all(&sealed)
    }
}

/// Opens frames out of `R`.
pub struct Opener<R: Read> {
    context: AeadCtxR<AesGcm256, HkdfSha256, DhP256HkdfSha256>,
    plain: Vec<u8>,
    at: usize,
    ended: bool,
    from: R,
}

impl<R: Read> Opener<R> {
    /// Opens a file. `secret` gives the secret scalar of the key that is known by a name, if it has it.
    ///
    /// # Errors
    /// As [`Unread`].
    pub fn begin(mut from: R, secret: impl FnOnce(&Sha) -> Option<[u8; 32]>) -> Result<Self, Unread> {
        let mut tag = [0; TAG.len()];
        from.read_exact(&mut tag).map_err(|_| Unread::NoRescue)?;
        if tag != *TAG {
            return Err(Unread::NoRescue);
        }
        let (mut kid, mut enc) = ([0; 32], [0; ENC]);
        from.read_exact(&mut kid)?;
        from.read_exact(&mut enc)?;
        let kid = Sha(kid);
        let secret = secret(&kid).ok_or(Unread::OtherKey(kid))?;
        let damaged = |_| Unread::Damaged;
        let key = <DhP256HkdfSha256 as Kem>::PrivateKey::from_bytes(&secret).map_err(|_| Unread::OtherKey(kid))?;
        let enc = <DhP256HkdfSha256 as Kem>::EncappedKey::from_bytes(&enc).map_err(damaged)?;
        let context = hpke::setup_receiver(&OpModeR::Base, &key, &enc, TAG).map_err(damaged)?;
        Ok(Self { context, plain: Vec::new(), at: 0, ended: false, from })
    }

    /// The next frame; after [`Frame::End`] there is none.
    ///
    /// # Errors
    /// [`Unread::Cut`] where the copy ends, [`Unread::Damaged`] at a byte that was changed. All before stands.
    pub fn read(&mut self) -> Result<Frame, Unread> {
        let head = self.take(9)?;
        let (kind, len) = (head[0], u64::from_be_bytes(head[1..9].try_into().map_err(|_| Unread::Damaged)?));
        if len > FRAME_LIMIT {
            return Err(Unread::Damaged);
        }
        let body = self.take(usize::try_from(len).map_err(|_| Unread::Damaged)?)?;
        let damaged = |_| Unread::Damaged;
        match kind {
            b'H' => Ok(Frame::Head(serde_json::from_slice(&body).map_err(damaged)?)),
            b'O' => Ok(Frame::Op(serde_json::from_slice(&body).map_err(damaged)?)),
            b'F' => {
                let (sha, bytes) = body.split_at_checked(32).ok_or(Unread::Damaged)?;
                Ok(Frame::File(Sha(sha.try_into().map_err(|_| Unread::Damaged)?), bytes.to_vec()))
            }
            b'E' if body.is_empty() && self.ended && self.at == self.plain.len() => self.end(),
            _ => Err(Unread::Damaged),
        }
    }

    /// Nothing may follow the last chunk.
    fn end(&mut self) -> Result<Frame, Unread> {
        match self.from.read(&mut [0])? {
            0 => Ok(Frame::End),
            _ => Err(Unread::Damaged),
        }
    }

    fn take(&mut self, len: usize) -> Result<Vec<u8>, Unread> {
        while self.plain.len() - self.at < len {
            self.more()?;
        }
        let taken = self.plain[self.at..self.at + len].to_vec();
        self.at += len;
        Ok(taken)
    }

    fn more(&mut self) -> Result<(), Unread> {
        if self.ended {
            return Err(Unread::Damaged);
        }
        let mut len = [0; 4];
        self.from.read_exact(&mut len)?;
        let len = u32::from_be_bytes(len) as usize;
        if !(MAC..=CHUNK + MAC).contains(&len) {
            return Err(Unread::Damaged);
        }
        let mut sealed = vec![0; len];
        self.from.read_exact(&mut sealed)?;
        // HPKE counts the chunks; whether this is the last one is bound to it. A failed try does not count.
        let opened = match self.context.open(&sealed, &[0]) {
            Ok(opened) => opened,
            Err(_) => {
                self.ended = true;
                self.context.open(&sealed, &[1]).map_err(|_| Unread::Damaged)?
            }
        };
        self.plain.drain(..std::mem::take(&mut self.at));
        self.plain.extend_from_slice(&opened);
        Ok(())
    }
}
