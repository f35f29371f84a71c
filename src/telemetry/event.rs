//! Parses a telemetry event (Sunbird telemetry v3) from a line: the fields that describe a click or a delivery.
//!
//! Producers differ, so a field with an unexpected type counts as missing. A line is malformed only where it cannot be used
//! as an event at all.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::exports::is_blank;

/// Milliseconds since 1970 UTC of the years 1 to 9999; a time outside counts as missing.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// Why a line cannot be used as an event. Does not contain the line, which may hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum Malformed {
    #[error("not UTF-8 text")]
    NotUtf8,
    #[error("not JSON: {what} at column {column}")]
    NotJson { what: String, column: usize },
    #[error("not a JSON object")]
    NotAnObject,
    #[error("without eid")]
    WithoutEid,
    #[error("longer than {0} bytes")]
    TooLong(usize),
    #[error("{0}; what follows is lost")]
    Damaged(String),
}

/// The event of a line without its line end.
///
/// # Errors
/// What is wrong with the line.
pub fn parse(line: &[u8]) -> Result<Event<'_>, Malformed> {
    // The JSON parser does not validate the encoding of fields that it skips.
    let text = std::str::from_utf8(line).map_err(|_| Malformed::NotUtf8)?;
    let Lenient(event) = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let event: Event = event.ok_or(Malformed::NotAnObject)?;
    if event.eid.is_none() {
        return Err(Malformed::WithoutEid);
    }
    Ok(event)
}

fn not_json(error: &serde_json::Error) -> Malformed {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    Malformed::NotJson {
        what: what.to_owned(),
        column: error.column(),
    }
}

/// A text; `None` where it is missing or blank.
pub type Text<'a> = Option<Cow<'a, str>>;

/// An object of which some fields are read, whatever their types. Of a repeated field, the last one counts.
trait Fields<'de>: Default {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($key:literal => $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        #[allow(missing_docs, reason = "fields are those of the telemetry specification, by its names")]
        pub struct $name<'a> {
            $(pub $field: $type,)+
        }

        impl<'a> Fields<'a> for $name<'a> {
            fn read<A: MapAccess<'a>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
                match name {
                    $($key => self.$field = map.next_value::<Lenient<$type>>()?.0.unwrap_or_default(),)+
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(())
            }
        }

        impl<'a> Read<'a> for $name<'a> {
            fn from_map<A: MapAccess<'a>>(mut map: A) -> Result<Option<Self>, A::Error> {
                let mut object = Self::default();
                while let Some(Name(name)) = map.next_key()? {
                    object.read(&name, &mut map)?;
                }
                Ok(Some(object))
            }
        }
    };
}

object! {
    /// A telemetry event.
    Event {
        "eid" => eid: Text<'a>,
        // Milliseconds since 1970 UTC.
        "ets" => ets: Time,
        "mid" => mid: Text<'a>,
        "actor" => actor: Entity<'a>,
        "context" => context: Context<'a>,
        "object" => object: Entity<'a>,
        "edata" => edata: EventData<'a>,
    }
}

object! {
    /// Who or what an event is about.
    Entity {
        "id" => id: Text<'a>,
    }
}

object! {
    /// Where an event comes from and what it belongs to.
    Context {
        "channel" => channel: Text<'a>,
        "pdata" => pdata: Entity<'a>,
        "cdata" => cdata: Vec<Cdatum<'a>>,
    }
}

object! {
    /// One thing that an event belongs to.
    Cdatum {
        "type" => kind: Text<'a>,
        "id" => id: Text<'a>,
    }
}

object! {
    /// What happened.
    EventData {
        "id" => id: Text<'a>,
        "type" => kind: Text<'a>,
        "pageid" => pageid: Text<'a>,
    }
}

/// When an event happened, in milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Time(pub Option<i64>);

impl Time {
    pub(super) fn of(milliseconds: i64) -> Self {
        Self(Some(milliseconds).filter(|time| TIMES.contains(time)))
    }

    pub(super) fn of_float(milliseconds: f64) -> Self {
        let bounds = *TIMES.start() as f64..=*TIMES.end() as f64;
        if !bounds.contains(&milliseconds) {
            return Self(None);
        }
        // Within the bounds it fits.
        Self::of(milliseconds.floor() as i64)
    }

    pub(super) fn of_text(milliseconds: &str) -> Self {
        let text = milliseconds.trim();
        match text.parse() {
            Ok(whole) => Self::of(whole),
            Err(_) => text.parse().map_or(Self(None), Self::of_float),
        }
    }
}

/// Reads a value from JSON values of several types; types that are not supported give `None`.
trait Read<'de>: Sized {
    fn from_str(_text: Cow<'de, str>) -> Option<Self> {
        None
    }

    fn from_integer(_number: i128) -> Option<Self> {
        None
    }

    fn from_float(_number: f64) -> Option<Self> {
        None
    }

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Option<Self>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<'de> Read<'de> for Text<'de> {
    fn from_str(text: Cow<'de, str>) -> Option<Self> {
        Some(Some(text).filter(|text| !is_blank(text)))
    }

    /// Ids that consist of digits may be written as numbers.
    fn from_integer(number: i128) -> Option<Self> {
        Some(Some(number.to_string().into()))
    }
}

impl<'de> Read<'de> for Time {
    fn from_str(text: Cow<'de, str>) -> Option<Self> {
        Some(Self::of_text(&text))
    }

    fn from_integer(number: i128) -> Option<Self> {
        i64::try_from(number).ok().map(Self::of)
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(Self::of_float(number))
    }
}

impl<'de> Read<'de> for Vec<Cdatum<'de>> {
    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Option<Self>, A::Error> {
        let mut data = Self::new();
        while let Some(Lenient(datum)) = seq.next_element()? {
            data.extend(datum);
        }
        Ok(Some(data))
    }
}

/// A value that is read from JSON of any type.
struct Lenient<T>(Option<T>);

impl<'de, T: Read<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

struct AnyValue<T>(PhantomData<T>);

impl<'de, T: Read<'de>> Visitor<'de> for AnyValue<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Lenient(T::from_str(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Lenient(T::from_str(Cow::Owned(text.to_owned()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Lenient(T::from_integer(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Lenient(T::from_integer(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Lenient(T::from_float(number)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_map(map).map(Lenient)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        T::from_seq(seq).map(Lenient)
    }
}

/// The name of a field, copied only where it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AnyName)
    }
}

struct AnyName;

impl<'de> Visitor<'de> for AnyName {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const CLICK: &str = r#"{"eid":"INTERACT","ets":1795152600000,"ver":"3.0","mid":"m1","actor":{"id":"u\u0031","type":"User"},"context":{"channel":"t9","pdata":{"id":"portal","ver":"1"},"cdata":[{"type":"Batch","id":"b1"},{"id":"x"}]},"object":{"id":"c1"},"edata":{"id":"download","type":"click","pageid":"p"},"tags":[{"deep":[1.5e3,null,true]}]}"#;

    #[test]
    fn the_parts_of_a_click() {
        let event = parse(CLICK.as_bytes()).expect("an event");
        let text = |text: &'static str| Some(Cow::Borrowed(text));
        let datum = |kind: Text<'static>, id| Cdatum { kind, id: text(id) };
        let expected = Event {
            eid: text("INTERACT"),
            ets: Time(Some(1_795_152_600_000)),
            mid: text("m1"),
            actor: Entity { id: text("u1") },
            context: Context {
                channel: text("t9"),
                pdata: Entity { id: text("portal") },
                cdata: vec![datum(text("Batch"), "b1"), datum(None, "x")],
            },
            object: Entity { id: text("c1") },
            edata: EventData {
                id: text("download"),
                kind: text("click"),
                pageid: text("p"),
            },
        };
        assert_eq!(event, expected);
    }

    #[test]
    fn what_has_another_type_counts_as_missing() {
        for line in [
            r#"{"eid":"E","ets":{},"mid":[1,{"a":2}],"actor":"u1","context":7,"object":null,"edata":[]}"#,
            r#"{"eid":"E","ets":"soon","mid":" ","actor":{"id":true},"context":{"cdata":{"type":"Batch","id":"b"},"pdata":false}}"#,
            r#"{"eid":"E","ets":1e300,"mid":null,"context":{"cdata":null,"channel":1.5},"object":{"id":""}}"#,
            r#"{"eid":"E","ets":-99999999999999999,"context":{"cdata":["b1",null,7,[]]}}"#,
        ] {
            let expected = Event {
                eid: Some("E".into()),
                ..Event::default()
            };
            assert_eq!(parse(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn times_and_ids_are_understood_as_producers_write_them() {
        for (ets, expected) in [
            ("1795152600000", Some(1_795_152_600_000)),
            ("1795152600000.9", Some(1_795_152_600_000)),
            ("1.7951526e12", Some(1_795_152_600_000)),
            ("\" 1795152600000\"", Some(1_795_152_600_000)),
            ("\"1795152600000.5\"", Some(1_795_152_600_000)),
            ("-1", Some(-1)),
            ("253402300800000", None),
            ("18446744073709551615", None),
            ("\"NaN\"", None),
            ("\"2026-11-20\"", None),
        ] {
            let line = format!(r#"{{"eid":"E","ets":{ets}}}"#);
            assert_eq!(parse(line.as_bytes()).expect("an event").ets, Time(expected), "{line}");
        }
        let number = parse(br#"{"eid":"E","actor":{"id":874},"object":{"id":-1}}"#).expect("an event");
        assert_eq!(
            (number.actor.id, number.object.id),
            (Some("874".into()), Some("-1".into()))
        );
    }

    #[test]
    fn the_last_of_a_repeated_field_counts() {
        let line = br#"{"eid":"A","mid":"1","actor":{"id":"u1"},"eid":"B","actor":{"type":"User"},"mid":7}"#;
        let event = parse(line).expect("an event");
        assert_eq!(
            (event.eid, event.mid, event.actor.id),
            (Some("B".into()), Some("7".into()), None)
        );
    }

    #[test]
    fn a_line_that_is_no_event_says_why_and_nothing_of_what_is_in_it() {
        let deep = [b"{\"eid\":\"E\",\"tags\":".to_vec(), vec![b'['; 100_000]].concat();
        for (line, reason) in [
            (
                &b"{\"eid\":\"Asha\""[..],
                "not JSON: EOF while parsing an object at column 13",
            ),
            (b"{\"eid\":\"E\"}{", "not JSON: trailing characters at column 12"),
            (b"Asha", "not JSON: expected value at column 1"),
            (b"{\"eid\":\"E\",\"x\":\"\xff\"}", "not UTF-8 text"),
            (b"[{\"eid\":\"E\"}]", "not a JSON object"),
            (b"\"E\"", "not a JSON object"),
            (b"null", "not a JSON object"),
            (b"{\"EID\":\"E\",\"mid\":\"m\"}", "without eid"),
            (b"{\"eid\":\" \"}", "without eid"),
            (b"{\"eid\":{}}", "without eid"),
            (&deep, "not JSON: EOF while parsing a list at column 100018"),
        ] {
            let found = parse(line).expect_err("malformed").to_string();
            assert_eq!(
                found,
                reason,
                "{:?}",
                String::from_utf8_lossy(&line[..line.len().min(60)])
            );
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let names = prop_oneof!["\\PC{0,6}", Just("id".to_owned()), Just("type".to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// The expected value of a text field, computed with `serde_json`.
    fn text_of(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            _ => None,
        }
    }

    fn owned(text: &Text) -> Option<String> {
        text.as_deref().map(str::to_owned)
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_an_event_or_malformed(line in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(event) = parse(&line) {
                prop_assert!(serde_json::from_slice::<Value>(&line).is_ok_and(|value| value.is_object()));
                prop_assert!(event.eid.is_some());
            }
        }

        #[test]
        fn a_click_with_a_changed_byte_is_an_event_or_malformed(place in 0..CLICK.len(), byte in any::<u8>()) {
            let mut line = CLICK.as_bytes().to_vec();
            line[place] = byte;
            let is_object = serde_json::from_slice::<Value>(&line).is_ok_and(|value| value.is_object());
            prop_assert!(is_object || parse(&line).is_err());
        }

        #[test]
        fn any_json_object_with_an_eid_is_an_event_with_its_fields(
            eid in "[A-Z]{1,8}", mid in json_value(), id in json_value(), cdata in json_value(), datum in json_value(),
            other in json_value(),
        ) {
            let cdata = if cdata.is_object() { json!([cdata, datum]) } else { cdata };
            let line = json!({
                "other": other, "edata": {"id": id, "x": other}, "mid": mid, "actor": id, "eid": eid,
                "context": {"cdata": cdata, "y": other},
            });
            let text = line.to_string();
            let event = parse(text.as_bytes()).expect("an event");
            prop_assert_eq!(event.eid.as_deref(), Some(eid.as_str()));
            prop_assert_eq!(owned(&event.mid), text_of(&line["mid"]));
            prop_assert_eq!(owned(&event.actor.id), text_of(&line["actor"]["id"]));
            prop_assert_eq!(owned(&event.edata.id), text_of(&line["edata"]["id"]));
            let entries = line["context"]["cdata"].as_array().cloned().unwrap_or_default();
            let entries = entries.iter().filter(|entry| entry.is_object());
            let expected: Vec<_> = entries.map(|entry| (text_of(&entry["type"]), text_of(&entry["id"]))).collect();
            let found: Vec<_> = event.context.cdata.iter()
                .map(|datum| (owned(&datum.kind), owned(&datum.id)))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
