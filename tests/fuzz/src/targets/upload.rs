use nuanfang_core::wire::upload::{complete, count, flag};

use crate::shape::{Sample, Script, shape};

/// The headers of an upload: any bytes are read or passed over; what is read has one spelling, in which it is written
/// anew, and whatever an upload can say is read as it was said.
pub fn upload(input: &[u8]) {
    let samples = [b"0".as_slice(), b"1048576", b"18446744073709551615", b"?1", b"?0"].map(|b| Sample::of(b.to_vec()));
    let value = shape(input, &samples);
    if let Some(number) = count(&value) {
        assert_eq!(number.to_string().as_bytes(), value);
    }
    if let Some(whole) = complete(&value) {
        assert_eq!(flag(whole).as_bytes(), value);
        assert_eq!(count(&value), None);
    }
    let mut script = Script::new(input);
    let number = u64::from_be_bytes(std::array::from_fn(|_| script.byte().unwrap_or(0)));
    for number in [number, number >> 32, number >> 48] {
        assert_eq!(count(number.to_string().as_bytes()), Some(number));
    }
}
