//! From the bytes of one try to what arrives: either those bytes as they are, or one of a room's samples, changed step
//! by step as they say. The second reaches what lies behind a parser; the first is the parser's own.

use crate::tree::Node;

/// A sample to begin with.
#[derive(Debug, Clone)]
pub struct Sample {
    bytes: Vec<u8>,
    tree: Option<Node>,
}

impl Sample {
    /// A sample; what is JSON can be changed value by value, everything else byte by byte.
    pub fn of(bytes: Vec<u8>) -> Self {
        let tree = serde_json::from_slice(&bytes).ok().map(|value| Node::of(&value));
        Self { bytes, tree }
    }

    /// As it is.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Values that readers have stumbled over elsewhere, or that ours knows by name.
const WORDS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "-0",
    "0.0",
    "1.5",
    "1e2",
    "1e308",
    "1e400",
    "1E-400",
    "5e-324",
    "4294967296",
    "2147483647",
    "-2147483648",
    "-2147483649",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "253402300800000",
    "\"\"",
    "\" \"",
    "\"0\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"e\\u0301\"",
    "\"\\uac01\\u11a8\"",
    "\"暖访示例\"",
    "\"00000000-0000-0000-0000-000000000000\"",
    "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"",
    "\"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\"",
    "\"0000000000000000000000000000000000000000000000000000000000000000\"",
    "\"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"",
    "\"00000000000000000000000000000000\"",
    "\"2026-02-30\"",
    "\"9999-12-31\"",
    "\"F4-1\"",
    "\"745-M2\"",
    "\"company\"",
    "\"visit.opened\"",
    "\"visit.signed\"",
    "\"visit.completed\"",
    "\"visit.from_the_future\"",
    "\"office.visit_scheduled\"",
    "\"office.assigned\"",
    "\"office.cancelled\"",
    "\"office.lane_chosen\"",
    "\"photo.floor\"",
    "\"signature.strokes\"",
    "[]",
    "{}",
    "[[]]",
    "[0,0,0]",
    "{\"\":0}",
    "{\"n\":\"\"}",
    "{\"$serde_json::private::RawValue\":\"1\"}",
    "{\"$serde_json::private::RawValue\":\"[{\\\"a\\\":1e400}]\"}",
    "{\"$serde_json::private::Number\":\"1\"}",
];

/// No try takes more steps.
const STEPS: usize = 48;
/// No try nests values deeper than by this many lists, nor makes a sample larger than this many values.
const DEEP: usize = 200;
const LARGE: usize = 20_000;

/// The bytes of one try, taken one after the other.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn number(&mut self) -> usize {
        let high = self.byte().unwrap_or(0);
        usize::from(u16::from_be_bytes([high, self.byte().unwrap_or(0)]))
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// What arrives when `input` is tried on `samples`. The first byte chooses the way: a multiple of four lets the
/// others arrive as they are.
pub fn shape(input: &[u8], samples: &[Sample]) -> Vec<u8> {
    let mut script = Script::new(input);
    match script.byte() {
        None => Vec::new(),
        Some(mode) if mode % 4 == 0 => script.rest().to_vec(),
        Some(_) => change(script, samples),
    }
}

/// A sample, chosen and changed as `script` says.
pub(crate) fn change(mut script: Script<'_>, samples: &[Sample]) -> Vec<u8> {
    let chosen = usize::from(script.byte().unwrap_or(0)) % samples.len();
    let sample = &samples[chosen];
    let Some(mut tree) = sample.tree.clone() else {
        let mut bytes = sample.bytes.clone();
        for _ in 0..STEPS {
            let Some(step) = script.byte() else { break };
            change_bytes(&mut bytes, step, &mut script);
        }
        return bytes;
    };
    let (mut after, mut deep) = (Vec::new(), DEEP);
    for _ in 0..STEPS {
        let Some(step) = script.byte() else { break };
        if step >= 0xf0 {
            after.push((step, script.number(), script.byte().unwrap_or(0)));
        } else if tree.count() < LARGE {
            change_tree(&mut tree, step, &mut script, samples, &mut deep);
        }
    }
    let mut bytes = Vec::with_capacity(sample.bytes.len() + 64);
    tree.write(&mut bytes);
    for (step, place, with) in after {
        let [high, low] = u16::try_from(place).unwrap_or(u16::MAX).to_be_bytes();
        change_bytes(&mut bytes, step, &mut Script::new(&[high, low, with]));
    }
    bytes
}

fn change_bytes(bytes: &mut Vec<u8>, step: u8, script: &mut Script<'_>) {
    let place = script.number();
    let with = script.byte().unwrap_or(0);
    if bytes.is_empty() {
        return;
    }
    let at = place % bytes.len();
    match step % 4 {
        0 => bytes[at] ^= with.max(1),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, with),
        _ => {
            bytes.remove(at);
        }
    }
}

fn change_tree(tree: &mut Node, step: u8, script: &mut Script<'_>, samples: &[Sample], deep: &mut usize) {
    let path = tree.path(script.number());
    match step % 12 {
        0 | 1 => *tree.at(&path) = word(script),
        2 => {
            if let Some((members, at)) = tree.beside(&path) {
                members.remove(at);
            }
        }
        3 => {
            if let Some((members, at)) = tree.beside(&path) {
                let again = members[at].clone();
                let to = script.number() % (members.len() + 1);
                members.insert(to, again);
            }
        }
        4 => {
            // Another value of this sample, or of another one.
            let from = usize::from(script.byte().unwrap_or(0)) % samples.len();
            let number = script.number();
            let taken = match samples[from].tree.clone() {
                Some(mut other) => {
                    let path = other.path(number);
                    other.at(&path).clone()
                }
                None => Node::Atom(b"null".to_vec()),
            };
            *tree.at(&path) = taken;
        }
        5 => {
            if let Some((members, at)) = tree.beside(&path) {
                let other = script.number() % members.len();
                members.swap(at, other);
            }
        }
        6 => {
            // The value under another name of the same object, or under a new one.
            let name = script.byte().unwrap_or(0);
            if let Some((members, at)) = tree.beside(&path) {
                members[at].0 = match members.get(usize::from(name)) {
                    Some((other, _)) => other.clone(),
                    None => format!("\"k{name}\"").into_bytes(),
                };
            }
        }
        7 => *tree.at(&path) = number(script),
        8 | 9 => {
            if let Node::Atom(spelling) = tree.at(&path) {
                respell(spelling, script);
            }
        }
        10 => {
            let place = tree.at(&path);
            let depth = usize::from(script.byte().unwrap_or(0)).min(*deep);
            *deep -= depth;
            for _ in 0..depth {
                let within = std::mem::replace(place, Node::Atom(Vec::new()));
                *place = Node::Branch { keyed: false, members: vec![(Vec::new(), within)] };
            }
        }
        _ => {
            if let Node::Branch { members, .. } = tree.at(&path) {
                members.truncate(usize::from(script.byte().unwrap_or(0)));
            }
        }
    }
}

fn word(script: &mut Script<'_>) -> Node {
    let word = WORDS[usize::from(script.byte().unwrap_or(0)) % WORDS.len()];
    Node::Atom(word.as_bytes().to_vec())
}

/// A number at or beside a power of two.
fn number(script: &mut Script<'_>) -> Node {
    let (power, beside) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
    let of_two = 1_i128 << (power % 66);
    let number = of_two + i128::from(beside % 32) - 16;
    let number = if power & 0x80 == 0 { number } else { -number };
    Node::Atom(number.to_string().into_bytes())
}

/// Other characters in a text, other digits in a number.
fn respell(spelling: &mut Vec<u8>, script: &mut Script<'_>) {
    let place = script.number() % spelling.len().max(1);
    match script.byte() {
        Some(with) if with < 0x20 => {
            let word = WORDS[usize::from(with) % WORDS.len()].trim_matches('"');
            let place = place.clamp(spelling.len().min(1), spelling.len().saturating_sub(1).max(1).min(spelling.len()));
            spelling.splice(place..place, word.bytes());
        }
        Some(with) if !spelling.is_empty() => spelling[place] = with,
        _ => {}
    }
}
