//! JSON as a tree of spellings: it can hold what no reader of ours would make, such as a key twice or a number of any
//! length.

use serde_json::Value;

/// The members of an object, in their order; names may come twice.
pub(crate) type Members = Vec<(Vec<u8>, Node)>;

/// A value: an atom in its spelling, or a list or an object with its members in order.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Atom(Vec<u8>),
    Branch { keyed: bool, members: Members },
}

impl Node {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => {
                let members = items.iter().map(|item| (Vec::new(), Self::of(item))).collect();
                Self::Branch { keyed: false, members }
            }
            Value::Object(map) => {
                let member = |(key, item): (&String, &Value)| (spelt(&Value::from(key.as_str())), Self::of(item));
                Self::Branch { keyed: true, members: map.iter().map(member).collect() }
            }
            atom => Self::Atom(spelt(atom)),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Atom(spelling) => out.extend_from_slice(spelling),
            Self::Branch { keyed, members } => {
                out.push(if *keyed { b'{' } else { b'[' });
                for (at, (key, member)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    if *keyed {
                        out.extend_from_slice(key);
                        out.push(b':');
                    }
                    member.write(out);
                }
                out.push(if *keyed { b'}' } else { b']' });
            }
        }
    }

    /// How many values it is, itself and all within.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Atom(_) => 1,
            Self::Branch { members, .. } => 1 + members.iter().map(|(_, member)| member.count()).sum::<usize>(),
        }
    }

    /// The way to the value of that number, in the order of writing.
    pub(crate) fn path(&self, number: usize) -> Vec<usize> {
        let (mut left, mut here, mut path) = (number % self.count(), self, Vec::new());
        while left > 0 {
            left -= 1;
            let Self::Branch { members, .. } = here else { break };
            for (at, (_, member)) in members.iter().enumerate() {
                let count = member.count();
                if left < count {
                    path.push(at);
                    here = member;
                    break;
                }
                left -= count;
            }
        }
        path
    }

    pub(crate) fn at(&mut self, path: &[usize]) -> &mut Self {
        let mut here = self;
        for step in path {
            match here {
                Self::Branch { members, .. } => here = &mut members[*step].1,
                Self::Atom(_) => unreachable!("a path leads through branches"),
            }
        }
        here
    }

    /// The members beside the value at `path`, and its place among them; none for the whole.
    pub(crate) fn beside(&mut self, path: &[usize]) -> Option<(&mut Members, usize)> {
        let (last, way) = path.split_last()?;
        match self.at(way) {
            Self::Branch { members, .. } => Some((members, *last)),
            Self::Atom(_) => None,
        }
    }
}

fn spelt(atom: &Value) -> Vec<u8> {
    atom.to_string().into_bytes()
}
