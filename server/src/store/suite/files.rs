//! Files: by content, resumable, whole or not there (I11).

use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;

use super::Fixture;
use super::house::{House, visit, worker};
use super::phone::Phone;
use crate::clock::Clock;
use crate::office::uploads::Wanted;
use crate::store::blobs::Finish;
use crate::store::{Incoming, Reading, Receiving, Store};

/// The file as an operation names it.
pub fn named(bytes: &[u8], role: &str) -> BlobRef {
    BlobRef { sha: Sha::of(bytes), len: bytes.len() as u64, role: role.into() }
}

/// Sends `bytes` as the file that `promised` is.
pub async fn send<F: Fixture>(house: &House<F>, promised: &[u8], bytes: &[u8]) -> Finish {
    let mut incoming = open(house, promised).await;
    let at = usize::try_from(incoming.at()).expect("a length");
    incoming.append(&bytes[at..]).expect("appended");
    assert_eq!(incoming.missing(), 0);
    house.store.finish(incoming, house.clock.now()).await.expect("ended")
}

/// Opens the file that `promised` is.
pub async fn open<F: Fixture>(house: &House<F>, promised: &[u8]) -> <F::Store as Store>::Incoming {
    let opened = house.store.incoming(Sha::of(promised), promised.len() as u64, house.clock.now()).await;
    match opened.expect("it opens") {
        Receiving::From(incoming) => incoming,
        Receiving::Whole => panic!("it is whole already"),
        Receiving::Busy => panic!("nobody else sends it"),
    }
}

fn log(phone: &mut Phone, blobs: Vec<BlobRef>) {
    phone.log_raw(Some(visit(1)), 1, "visit.acknowledged", r#"{"n":"0"}"#, blobs);
}

/// I11: other bytes are dropped to nothing and asked for again; only the right ones make it whole.
pub async fn i11_a_file_is_whole_only_with_the_bytes_of_its_name<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let other = Phone::enrol(&house, worker(2)).await;
    let (photo, signature) = (vec![1; 5_000], vec![2; 9_000]);
    let (sha, len) = (Sha::of(&photo), photo.len() as u64);
    let wanted = |phone: &Phone| house.read(|store| store.wanted(phone.device, &sha));
    assert_eq!(wanted(&phone), None, "no operation names it yet");
    log(&mut phone, vec![named(&photo, "photo.before"), named(&signature, "signature.image")]);
    phone.sync(&house).await;
    assert_eq!(wanted(&phone), Some(Wanted::Missing(len)));
    assert_eq!(wanted(&other), None, "who did not name it hears nothing of it");
    let needed = || house.read(|store| store.needed(phone.device));
    assert_eq!(needed(), [Sha::of(&signature), sha], "signatures first");
    let mut wrong = photo.clone();
    wrong[4_999] ^= 1;
    assert_eq!(send(&house, &photo, &wrong).await, Finish::Mismatch);
    assert_eq!((wanted(&phone), house.store.offset(&sha)), (Some(Wanted::Missing(len)), 0));
    assert_eq!(house.store.file(&sha).expect("it reads"), None);
    assert_eq!(needed().len(), 2, "it is asked for again");
    assert_eq!(send(&house, &photo, &photo).await, Finish::Whole);
    assert_eq!(wanted(&phone), Some(Wanted::Whole(len)));
    assert_eq!(house.store.file(&sha).expect("it reads"), Some(photo.clone()), "a bad picture is kept all the same");
    assert_eq!(needed(), [Sha::of(&signature)]);
    let again = house.store.incoming(sha, len, house.clock.now()).await.expect("answered");
    assert!(matches!(again, Receiving::Whole), "there is nothing to send any more");
    assert_eq!(wanted(&other), None);
}

/// I11: a cut costs what was not durable, and two senders never write into one another.
pub async fn i11_a_file_goes_on_from_its_last_durable_byte_in_one_hand<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let photo: Vec<u8> = (0..2_500_000u32).map(|n| n.to_le_bytes()[1]).collect();
    log(&mut phone, vec![named(&photo, "photo.before")]);
    phone.sync(&house).await;
    let (sha, len) = (Sha::of(&photo), photo.len() as u64);
    let mut incoming = open(&house, &photo).await;
    assert_eq!((incoming.at(), incoming.missing()), (0, len));
    let second = house.store.incoming(sha, len, house.clock.now()).await.expect("answered");
    assert!(matches!(second, Receiving::Busy));
    incoming.append(&photo[..1_100_000]).and_then(|()| incoming.sync()).expect("durable");
    drop(incoming);
    assert_eq!(house.store.offset(&sha), 1_100_000);
    assert_eq!(house.store.file(&sha).expect("it reads"), None, "half a file is no file");
    let house = house.crashed();
    assert_eq!(open(&house, &photo).await.at(), 1_100_000);
    assert_eq!(send(&house, &photo, &photo).await, Finish::Whole);
    assert_eq!(house.store.file(&sha).expect("it reads"), Some(photo));
}

/// I11: the same photo in two records is one file, and whole for both.
pub async fn i11_a_file_of_two_records_is_sent_once_and_kept_for_both<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut first = Phone::enrol(&house, worker(1)).await;
    let mut second = Phone::enrol(&house, worker(1)).await;
    let photo = vec![3; 4_000];
    let needed = |phone: &Phone| house.read(|store| store.needed(phone.device));
    let wanted = |phone: &Phone| house.read(|store| store.wanted(phone.device, &Sha::of(&photo)));
    for phone in [&mut first, &mut second] {
        log(phone, vec![named(&photo, "photo.before")]);
        log(phone, vec![named(&photo, "photo.after"), named(&photo, "photo.before")]);
        phone.sync(&house).await;
        assert_eq!(needed(phone), [Sha::of(&photo)], "asked for once");
    }
    assert_eq!(send(&house, &photo, &photo).await, Finish::Whole);
    for phone in [&mut first, &mut second] {
        assert_eq!((needed(phone), wanted(phone)), (vec![], Some(Wanted::Whole(4_000))));
        log(phone, vec![named(&photo, "photo.after")]);
        phone.sync(&house).await;
        assert_eq!(needed(phone), [], "what is here is not asked for again");
        house.holds(phone.device, &phone.log);
    }
    house.rebuilt_is_the_same().await;
    assert_eq!(wanted(&second), Some(Wanted::Whole(4_000)));
}
