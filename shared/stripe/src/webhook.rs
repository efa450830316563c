//! What Stripe tells us unasked: who says so, and of what.
//!
//! Anybody may call the address; a signature over the body as it came, with a secret that only Stripe and we
//! have, says that Stripe did. An event only names what has changed. Events are repeated and overtake each
//! other, so whoever works on one reads the thing itself.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use domain::{
    Violation,
    stripe::{EventId, ObjectId},
    text::reject_unsupported,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// How far the time of signing may be from ours, either way: Stripe's own advice. What is older may be somebody
/// else's copy of an event.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Something that happened at Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name. An event that comes again has the same.
    pub id: EventId,
    /// What happened, e.g. `payment_intent.succeeded`. There are hundreds, and new ones come.
    pub kind: String,
    /// To what; of what belongs to a payment, such as a refund, that payment. Few things have no name, such as the
    /// balance; a name that somebody at Stripe has chosen, such as that of a plan, does not count.
    pub object_id: Option<ObjectId>,
    /// When, to the second.
    pub created: Timestamp,
}

/// Why an event is not taken for Stripe's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The header is none of Stripe's.
    #[error("the signature's header cannot be read")]
    Header,
    /// None of the signatures is over this body, with this secret.
    #[error("no signature matches")]
    Signature,
    /// It was signed too long ago, or is yet to be.
    #[error("signed at another time")]
    Time,
    /// It is signed, and yet no event.
    #[error("the event cannot be read")]
    Event,
    /// It is signed, and has a character that could be stored, but not sent on: see [`reject_unsupported`].
    #[error("the event has an unsupported character at {pointer}")]
    Unsupported {
        /// The field, as a JSON pointer.
        pointer: &'static str,
        /// What is wrong with it, and at which position.
        violation: Violation,
    },
}

/// Reads an event whose signature is Stripe's. The header, `Stripe-Signature`, has the time of signing and, while
/// a secret is being replaced, a signature for each: `t=1795608000,v1=5257a8…,v1=9c81b2…`.
pub fn verify(
    payload: &[u8],
    header: &str,
    secret: &SecretString,
    now: Timestamp,
    tolerance: SignedDuration,
) -> Result<Event, Error> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let written = parts().find(|(name, _)| *name == "t").ok_or(Error::Header)?.1;
    let signed_at = written.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    let signed_at = signed_at.ok_or(Error::Header)?;

    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut signing = hmac::Context::with_key(&key);
    signing.update(written.as_bytes());
    signing.update(b".");
    signing.update(payload);
    let expected = hex(signing.sign().as_ref());
    let matches = |given: &str| verify_slices_are_equal(given.as_bytes(), expected.as_bytes()).is_ok();
    if !parts().any(|(name, given)| name == "v1" && matches(given)) {
        return Err(Error::Signature);
    }
    // Afterwards, so that who has no secret does not learn what our clock says.
    if now.duration_since(signed_at).abs() > tolerance {
        return Err(Error::Time);
    }
    read(payload)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(payload: &[u8]) -> Result<Event, Error> {
    #[derive(Deserialize)]
    struct Body {
        id: String,
        #[serde(rename = "type")]
        kind: String,
        data: Data,
        created: i64,
    }
    #[derive(Deserialize)]
    struct Data {
        object: Object,
    }
    #[derive(Deserialize)]
    struct Object {
        id: Option<String>,
        payment_intent: Option<String>,
    }
    let Body { id, kind, data, created } = serde_json::from_slice(payload).map_err(|_| Error::Event)?;
    let Object { id: object, payment_intent } = data.object;
    for (pointer, text) in [
        ("/id", Some(&id)),
        ("/type", Some(&kind)),
        ("/data/object/id", object.as_ref()),
        ("/data/object/payment_intent", payment_intent.as_ref()),
    ] {
        let checked = text.map_or(Ok(()), |text| reject_unsupported(text));
        checked.map_err(|violation| Error::Unsupported { pointer, violation })?;
    }
    Ok(Event {
        id: EventId::parse(id).map_err(|_| Error::Event)?,
        kind,
        object_id: payment_intent.or(object).and_then(|name| ObjectId::parse(name).ok()),
        created: Timestamp::from_second(created).map_err(|_| Error::Event)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = r#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1795607990,
        "data":{"object":{"id":"pi_1","object":"payment_intent"}}}"#;
    /// 2026-11-25T12:00:00Z
    const NOW: i64 = 1_795_608_000;

    fn secret() -> SecretString {
        "whsec_test".into()
    }

    fn signature(time: i64, body: &str, secret: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hex(hmac::sign(&key, format!("{time}.{body}").as_bytes()).as_ref())
    }

    fn signed(time: i64, body: &str) -> String {
        format!("t={time},v1={}", signature(time, body, "whsec_test"))
    }

    fn at_now(body: &str, header: &str) -> Result<Event, Error> {
        verify(body.as_bytes(), header, &secret(), Timestamp::from_second(NOW).unwrap(), TOLERANCE)
    }

    #[test]
    fn reads_what_stripe_has_signed() {
        let event = at_now(BODY, &signed(NOW, BODY)).unwrap();
        assert_eq!(event.id, EventId::parse("evt_1").unwrap());
        assert_eq!(event.kind, "payment_intent.succeeded");
        assert_eq!(event.object_id, ObjectId::parse("pi_1").ok());
        assert_eq!(event.created, Timestamp::from_second(NOW - 10).unwrap());
    }

    #[test]
    fn computes_what_others_compute() {
        // printf '1795608000.{}' | openssl dgst -sha256 -hmac whsec_test
        let known = "a57f6c7fd0dc2be4d8c922a653a51975792143d5d37b179e072368fe04736d8d";
        assert_eq!(signature(NOW, "{}", "whsec_test"), known);
    }

    #[test]
    fn one_of_several_signatures_suffices() {
        let (good, old) = (signature(NOW, BODY, "whsec_test"), signature(NOW, BODY, "whsec_old"));
        for header in [
            format!("t={NOW},v1={old},v1={good}"),
            format!("t={NOW},v1={good},v1={old},v0=6ffbb59b"),
            format!("v1={good}, t={NOW}"),
        ] {
            assert!(at_now(BODY, &header).is_ok(), "{header}");
        }
        // Another scheme is not this one, however good it looks.
        assert_eq!(at_now(BODY, &format!("t={NOW},v0={good}")), Err(Error::Signature));
    }

    #[test]
    fn refuses_another_secret_body_or_time_of_signing() {
        let other = format!("t={NOW},v1={}", signature(NOW, BODY, "whsec_other"));
        assert_eq!(at_now(BODY, &other), Err(Error::Signature));
        let changed = BODY.replace("pi_1", "pi_2");
        assert_eq!(at_now(&changed, &signed(NOW, BODY)), Err(Error::Signature));
        let later = signed(NOW - 60, BODY).replace(&(NOW - 60).to_string(), &NOW.to_string());
        assert_eq!(at_now(BODY, &later), Err(Error::Signature));
    }

    #[test]
    fn refuses_what_was_signed_long_ago_or_will_be() {
        for (apart, outcome) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let read = at_now(BODY, &signed(NOW + apart, BODY));
            assert_eq!(read.is_ok(), outcome, "{apart}");
            assert!(outcome || read == Err(Error::Time));
        }
    }

    #[test]
    fn refuses_headers_that_are_none() {
        let good = signature(NOW, BODY, "whsec_test");
        for header in ["", "t", "t=", "v1", "=,=", "t=abc,v1=00", &format!("v1={good}")] {
            assert_eq!(at_now(BODY, header), Err(Error::Header), "{header}");
        }
        for header in [format!("t={NOW}"), format!("t={NOW},v1="), format!("t={NOW},v1={}", &good[..63])] {
            assert_eq!(at_now(BODY, &header), Err(Error::Signature), "{header}");
        }
        let never = i64::MAX;
        assert_eq!(at_now(BODY, &signed(never, BODY)), Err(Error::Header));
    }

    #[test]
    fn refuses_what_is_signed_and_no_event() {
        for body in ["", "[]", "{}", r#"{"id":"cus_1","type":"x","created":1,"data":{"object":{}}}"#] {
            assert_eq!(at_now(body, &signed(NOW, body)), Err(Error::Event), "{body}");
        }
        let balance =
            r#"{"id":"evt_2","type":"balance.available","created":1,"data":{"object":{"object":"balance"}}}"#;
        assert_eq!(at_now(balance, &signed(NOW, balance)).unwrap().object_id, None);
    }

    #[test]
    fn refuses_characters_that_no_queue_can_carry_with_their_place() {
        for character in ["\\u0000", "\\u000b", "\\u001b", "\\ufffe", "\u{FFFF}", "\u{85}"] {
            for (from, pointer) in [
                (r#""evt_1"#, "/id"),
                (r#""payment_intent.succeeded"#, "/type"),
                (r#""pi_1"#, "/data/object/id"),
                (r#""payment_intent":"pi_2"#, "/data/object/payment_intent"),
            ] {
                let body = BODY.replace(r#""payment_intent"}"#, r#""x","payment_intent":"pi_2"}"#);
                let body = body.replacen(from, &format!("{from}{character}"), 1);
                let Err(Error::Unsupported { pointer: place, violation }) =
                    at_now(&body, &signed(NOW, &body))
                else {
                    panic!("{body}")
                };
                let text = from.rsplit('"').next().unwrap();
                assert_eq!((place, violation.position), (pointer, Some(text.len())), "{body}");
            }
        }
    }

    #[test]
    fn a_name_that_somebody_has_chosen_names_nothing_of_ours() {
        let body = BODY.replace("pi_1", "Gold plan, 25 %");
        assert_eq!(at_now(&body, &signed(NOW, &body)).unwrap().object_id, None);
    }

    #[test]
    fn what_belongs_to_a_payment_names_that_payment() {
        let refunded = r#"{"id":"evt_3","type":"charge.refunded","created":1795607990,
            "data":{"object":{"id":"ch_1","object":"charge","amount_refunded":1000,"payment_intent":"pi_1"}}}"#;
        assert_eq!(at_now(refunded, &signed(NOW, refunded)).unwrap().object_id, ObjectId::parse("pi_1").ok());
        let disputed = refunded.replace("charge.refunded", "charge.dispute.created").replace("ch_1", "du_1");
        assert_eq!(
            at_now(&disputed, &signed(NOW, &disputed)).unwrap().object_id,
            ObjectId::parse("pi_1").ok()
        );
        let alone = refunded.replace(r#""pi_1""#, "null");
        assert_eq!(at_now(&alone, &signed(NOW, &alone)).unwrap().object_id, ObjectId::parse("ch_1").ok());
    }

    proptest! {
        #[test]
        fn never_panics_and_takes_nothing_unsigned(
            payload in proptest::collection::vec(any::<u8>(), 0..200),
            header in "(t=-?[0-9]{0,20},|v1=[0-9a-fA-F]{0,70},|v0=|.{0,20}){0,6}",
            second in -377_705_023_201_i64..253_402_207_200,
        ) {
            let now = Timestamp::from_second(second).unwrap();
            prop_assert!(verify(&payload, &header, &secret(), now, TOLERANCE).is_err());
        }

        #[test]
        fn any_body_can_be_signed(payload in ".{0,200}", second in 0_i64..4_000_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            let read = verify(payload.as_bytes(), &signed(second, &payload), &secret(), now, TOLERANCE);
            // Random text is no event, but it is known to be Stripe's.
            prop_assert_eq!(read, Err(Error::Event));
        }
    }
}
