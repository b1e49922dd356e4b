//! RFC 8785 canonical JSON, and the strict profile of signed records (FORMATS §4): integers only, |n| < 2⁵³, no
//! duplicate keys, no unpaired surrogates, all text in NFC. A fault names the place by its JSON pointer (RFC 6901).

use std::fmt;

use serde::Serialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use unicode_normalization::is_nfc;

/// The first integer that is refused: 2⁵³. Up to it every integer is exact in every reader's number type.
pub const INTEGER_END: i64 = 1 << 53;

/// What is wrong with a text that ought to be a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A number with a fraction or an exponent, a negative zero, or one beyond 64 bits.
    Float,
    /// An integer n with |n| ≥ 2⁵³.
    Range,
    /// A key that its object already holds.
    Duplicate,
    /// A `\u` escape of one half of a surrogate pair alone.
    Surrogate,
    /// Text or a key that is not in Unicode normalisation form C.
    NotNfc,
    /// Not JSON at all, or nested deeper than 128.
    Syntax,
    /// JSON, but not in its canonical spelling.
    NotCanonical,
}

impl Reason {
    /// In Chinese, for the result of a check.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Float => "含小数或指数形式的数（只允许整数）",
            Self::Range => "整数超出 ±(2^53−1)",
            Self::Duplicate => "键重复",
            Self::Surrogate => "含不成对的代理字符",
            Self::NotNfc => "文字不是 NFC 规范形式",
            Self::Syntax => "不是合法的 JSON",
            Self::NotCanonical => "不是规范写法（RFC 8785）",
        }
    }

    /// In English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Float => "a number that is not an integer",
            Self::Range => "an integer beyond ±(2^53−1)",
            Self::Duplicate => "a duplicate key",
            Self::Surrogate => "an unpaired surrogate",
            Self::NotNfc => "text that is not in NFC",
            Self::Syntax => "not well-formed JSON",
            Self::NotCanonical => "not in canonical form (RFC 8785)",
        }
    }
}

/// A fault and its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fault {
    /// JSON pointer to the value or the key; empty for the whole text.
    pub pointer: String,
    /// What is wrong there.
    pub reason: Reason,
}

impl Fault {
    fn at(path: &[String], reason: Reason) -> Self {
        let pointer = path.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect();
        Self { pointer, reason }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at \"{}\"", self.reason.en(), self.pointer)
    }
}

impl std::error::Error for Fault {}

/// The canonical bytes of `value` by RFC 8785: keys in UTF-16 order, numbers as ECMAScript writes them, no space.
/// Accepts floats; a record goes through [`strict`]. A NaN or an infinity is no JSON and no [`Value`] can hold one;
/// a type of yours that has float fields goes through [`Value`]s of its own making first.
///
/// # Errors
/// If `value` cannot be JSON: a map whose keys are no strings.
pub fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(value)
}

/// The canonical bytes of a value that keeps the strict profile.
///
/// # Errors
/// The first fault, in the order of the value's keys.
pub fn strict<T: Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    let nowhere = |_| Fault::at(&[], Reason::Syntax);
    let value = serde_json::to_value(value).map_err(nowhere)?;
    check(&value)?;
    canonical(&value).map_err(nowhere)
}

/// Holds `value` to the strict profile.
///
/// # Errors
/// The first fault, in the order of the value's keys.
pub fn check(value: &Value) -> Result<(), Fault> {
    walk(value, &mut Vec::new())
}

fn walk(value: &Value, path: &mut Vec<String>) -> Result<(), Fault> {
    let reason = match value {
        Value::Null | Value::Bool(_) => None,
        Value::Number(number) => number_fault(number),
        Value::String(text) => text_fault(text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                walk(item, path)?;
                path.pop();
            }
            None
        }
        Value::Object(members) => {
            for (key, member) in members {
                path.push(key.clone());
                if let Some(reason) = text_fault(key) {
                    return Err(Fault::at(path, reason));
                }
                walk(member, path)?;
                path.pop();
            }
            None
        }
    };
    reason.map_or(Ok(()), |reason| Err(Fault::at(path, reason)))
}

fn number_fault(number: &Number) -> Option<Reason> {
    match (number.as_i64(), number.as_u64()) {
        (Some(n), _) => (n <= -INTEGER_END || n >= INTEGER_END).then_some(Reason::Range),
        (None, Some(_)) => Some(Reason::Range),
        (None, None) => Some(Reason::Float),
    }
}

fn text_fault(text: &str) -> Option<Reason> {
    (!is_nfc(text)).then_some(Reason::NotNfc)
}

/// Reads a text that keeps the strict profile. Order of keys and white space are free; see [`parse_canonical`].
///
/// # Errors
/// The first fault in the order of the text.
pub fn parse_strict(text: &[u8]) -> Result<Value, Fault> {
    let mut reading = Reading { path: Vec::new(), reason: None };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Node(&mut reading).deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    read.map_err(|error| {
        let reason = reading.reason.unwrap_or_else(|| {
            // The reader's own words for one half of a pair without the other.
            let said = error.to_string();
            if said.contains("surrogate") || said.contains("unexpected end of hex escape") {
                Reason::Surrogate
            } else {
                Reason::Syntax
            }
        });
        Fault::at(&reading.path, reason)
    })
}

/// Reads a text that keeps the strict profile and is its own canonical form, byte for byte.
///
/// # Errors
/// The first fault, or [`Reason::NotCanonical`].
pub fn parse_canonical(text: &[u8]) -> Result<Value, Fault> {
    let value = parse_strict(text)?;
    match canonical(&value) {
        Ok(bytes) if bytes == text => Ok(value),
        _ => Err(Fault::at(&[], Reason::NotCanonical)),
    }
}

/// Where the reader stands, and what it found wrong there.
struct Reading {
    path: Vec<String>,
    reason: Option<Reason>,
}

/// One value being read.
struct Node<'a>(&'a mut Reading);

impl Node<'_> {
    fn keep<T, E: de::Error>(self, value: T, reason: Option<Reason>) -> Result<T, E> {
        match reason {
            None => Ok(value),
            Some(reason) => {
                self.0.reason = Some(reason);
                Err(E::custom(reason.en()))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a record")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        let number = Number::from(value);
        let reason = number_fault(&number);
        self.keep(Value::Number(number), reason)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        let number = Number::from(value);
        let reason = number_fault(&number);
        self.keep(Value::Number(number), reason)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        self.keep(Value::Null, Some(Reason::Float))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.keep(Value::String(text.to_owned()), text_fault(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.0.path.push(items.len().to_string());
            let Some(item) = seq.next_element_seed(Node(self.0))? else {
                self.0.path.pop();
                return Ok(Value::Array(items));
            };
            self.0.path.pop();
            items.push(item);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            self.0.path.push(key.clone());
            let reason = text_fault(&key).or_else(|| members.contains_key(&key).then_some(Reason::Duplicate));
            if reason.is_some() {
                return self.keep(Value::Null, reason);
            }
            let member = map.next_value_seed(Node(self.0))?;
            self.0.path.pop();
            members.insert(key, member);
        }
        Ok(Value::Object(members))
    }
}
