//! What untrusted bytes reach in the core, one function a room. Each takes the bytes of one try, makes of them what
//! would arrive there, and panics if a promise of the room is broken; a panic in the room itself is one too.
//!
//! `tests/targets.rs` runs them over the kept inputs and over random ones; `scripts/fuzz.sh` lets coverage choose.

pub mod kept;
pub mod samples;
pub mod shape;
pub mod targets;
mod tree;

#[cfg(test)]
mod tests {
    use nuanfang_core::device::photo;

    #[test]
    fn the_camera_of_the_samples_says_where_and_when() {
        let photo = photo::prepare(crate::samples::pictures()[0].bytes()).expect("a photo");
        assert_eq!((photo.width, photo.height), (16, 24), "turned");
        assert_eq!(photo.claims.taken.as_deref(), Some("2026:11:23 14:05:00"));
        assert_eq!((photo.claims.lat_e7, photo.claims.lon_e7), (Some(399_013_888), Some(399_013_888)));
    }
}
