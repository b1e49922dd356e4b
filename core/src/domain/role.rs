//! What a file is to the operation it belongs to (`BlobRef::role`).

/// The object or the place before work; of a fragile object with its consent (F.9).
pub const PHOTO_BEFORE: &str = "photo.before";
/// After work (F.11).
pub const PHOTO_AFTER: &str = "photo.after";
/// Floor and wall protected (F.6).
pub const PHOTO_FLOOR: &str = "photo.floor";
/// 热用户留言条 where it was put up (F.2).
pub const PHOTO_LEAVE_NOTE: &str = "photo.leave_note";
/// 隐患.
pub const PHOTO_HAZARD: &str = "photo.hazard";
/// The result of work; stands in for a witness when a signature is refused.
pub const PHOTO_RESULT: &str = "photo.result";
/// Any other.
pub const PHOTO_OTHER: &str = "photo.other";
/// The strokes of a signature, as canonical JSON.
pub const SIGNATURE_STROKES: &str = "signature.strokes";
/// The picture of a signature, PNG.
pub const SIGNATURE_IMAGE: &str = "signature.image";

/// All roles of photos.
pub const PHOTOS: [&str; 7] =
    [PHOTO_BEFORE, PHOTO_AFTER, PHOTO_FLOOR, PHOTO_LEAVE_NOTE, PHOTO_HAZARD, PHOTO_RESULT, PHOTO_OTHER];
