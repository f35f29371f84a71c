//! The directory of users: a number for every id, and the order of ids.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::compute::concat;
use datafusion::execution::memory_pool::MemoryReservation;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::super::error::ReportError;
use super::details::Details;
use crate::engine::EngineError;
use crate::exports::Table;

/// The columns of `users`: `user_id`, and the others in contract order.
pub fn user_columns() -> impl Iterator<Item = &'static str> {
    let others = Table::Users.columns().iter().map(|column| column.name);
    std::iter::once("user_id").chain(others.filter(|name| *name != "user_id"))
}

/// Ids that are UUIDs, as learning platforms make them, are found by their 16 bytes: a lookup then touches one place in
/// memory instead of four, which halves the time of a nightly run's reading.
type Uuid = (u64, u64);

/// The users of the export by number.
pub struct Users {
    ids: StringViewArray,
    hasher: FixedState,
    by_uuid: HashTable<(Uuid, u32)>,
    by_text: HashTable<u32>,
    /// Held as long as the directory.
    _memory: MemoryReservation,
}

/// Users whom only enrolments name, by number; theirs come after the export's.
pub struct Strangers {
    first: usize,
    numbers: Mutex<HashMap<String, u32>>,
}

/// Every user, ranked by id.
pub struct RankedUsers {
    users: Arc<Users>,
    details: Arc<Details>,
    strangers: Vec<String>,
    rank_of: Vec<u32>,
    by_rank: Vec<u32>,
}

impl Users {
    /// A directory of these ids, in their order; `None` where one stands twice. Its size is added to `memory`.
    pub fn try_new(ids: &[ArrayRef], memory: MemoryReservation) -> Result<Option<Self>, ReportError> {
        let parts: Vec<&dyn Array> = ids.iter().map(|ids| ids.as_ref()).collect();
        let ids = match parts.as_slice() {
            [] => StringViewArray::from_iter_values(std::iter::empty::<&str>()),
            parts => concat(parts)?.as_string_view().clone(),
        };
        let hasher = FixedState::default();
        let (mut by_uuid, mut by_text) = (HashTable::with_capacity(ids.len()), HashTable::new());
        for (place, id) in ids.iter().enumerate() {
            let id = id.ok_or(ReportError::MissingColumn("user_id"))?;
            let number = u32::try_from(place).map_err(|_| ReportError::TooManyIds("users"))?;
            let is_new = match parse_uuid(id) {
                Some(uuid) => {
                    let hash = |uuid: &Uuid| hasher.hash_one(uuid);
                    let entry = by_uuid.entry(hash(&uuid), |(other, _)| *other == uuid, |(other, _)| hash(other));
                    insert_if_vacant(entry, (uuid, number))
                }
                None => {
                    let text = |number: &u32| ids.value(*number as usize);
                    let hash = |number: &u32| hasher.hash_one(text(number));
                    insert_if_vacant(
                        by_text.entry(hasher.hash_one(id), |other| text(other) == id, hash),
                        number,
                    )
                }
            };
            if !is_new {
                return Ok(None);
            }
        }
        let tables = by_uuid.allocation_size() + by_text.allocation_size();
        let ranks = ids.len() * 2 * size_of::<u32>();
        memory
            .try_grow(ids.get_array_memory_size() + tables + ranks)
            .map_err(EngineError::running("the directory of users"))?;
        Ok(Some(Self {
            ids,
            hasher,
            by_uuid,
            by_text,
            _memory: memory,
        }))
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The numbers of the users in the directory among `ids`. Keys are made for all first: lookups that follow each other
    /// closely wait for memory at the same time, not in turn.
    pub fn find(&self, ids: &StringViewArray) -> Vec<Option<u32>> {
        let keys: Vec<Option<Uuid>> = ids.iter().map(|id| id.and_then(parse_uuid)).collect();
        let found = keys.iter().enumerate().map(|(row, key)| match key {
            Some(uuid) => {
                let found = self
                    .by_uuid
                    .find(self.hasher.hash_one(uuid), |(other, _)| other == uuid);
                found.map(|&(_, number)| number)
            }
            None if ids.is_null(row) => None,
            None => {
                let id = ids.value(row);
                let is_same = |&number: &u32| self.ids.value(number as usize) == id;
                self.by_text.find(self.hasher.hash_one(id), is_same).copied()
            }
        });
        found.collect()
    }
}

impl Strangers {
    /// Nobody who is not among `users`, yet.
    pub fn to(users: &Users) -> Self {
        Self {
            first: users.ids.len(),
            numbers: Mutex::default(),
        }
    }

    /// The number of a stranger already met.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.locked().get(id).copied()
    }

    /// The number of a stranger, met now or before.
    pub fn find_or_add(&self, id: &str) -> Result<u32, ReportError> {
        let mut numbers = self.locked();
        if let Some(&number) = numbers.get(id) {
            return Ok(number);
        }
        let next = u32::try_from(self.first + numbers.len()).map_err(|_| ReportError::TooManyIds("users"))?;
        numbers.insert(id.to_owned(), next);
        Ok(next)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        // A map is whole even if a thread that held it panicked.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RankedUsers {
    /// Everybody, once no more strangers come.
    pub fn new(users: Arc<Users>, details: Arc<Details>, strangers: Strangers) -> Self {
        let strangers = strangers.numbers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut in_order: Vec<(String, u32)> = strangers.into_iter().collect();
        in_order.sort_unstable_by_key(|(_, number)| *number);
        let mut ranked = Self {
            users,
            details,
            strangers: in_order.into_iter().map(|(id, _)| id).collect(),
            rank_of: Vec::new(),
            by_rank: Vec::new(),
        };
        ranked.rank();
        ranked
    }

    fn rank(&mut self) {
        let count = self.users.ids.len() + self.strangers.len();
        // The first bytes decide nearly always, and lie together; the ids themselves are all over memory.
        let mut order: Vec<(u64, u32)> = (0..count as u32)
            .map(|number| (first_bytes(self.id(number)), number))
            .collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.id(a.1).cmp(self.id(b.1))));
        self.by_rank = order.iter().map(|&(_, number)| number).collect();
        self.rank_of = vec![0; count];
        for (rank, &number) in (0u32..).zip(&self.by_rank) {
            self.rank_of[number as usize] = rank;
        }
    }

    /// A user's place in the order of ids.
    pub fn rank_of(&self, number: u32) -> u32 {
        self.rank_of[number as usize]
    }

    /// The user at a place in the order of ids.
    pub fn at_rank(&self, rank: u32) -> u32 {
        self.by_rank[rank as usize]
    }

    /// A user's id.
    pub fn id(&self, number: u32) -> &str {
        let number = number as usize;
        match number.checked_sub(self.users.ids.len()) {
            None => self.users.ids.value(number),
            Some(stranger) => &self.strangers[stranger],
        }
    }

    /// Whether the user is in the export.
    pub fn is_listed(&self, number: u32) -> bool {
        (number as usize) < self.users.ids.len()
    }

    /// The columns of [`user_columns`], of users in the export; those of `None` are missing.
    pub fn details(&self, numbers: &[Option<u32>]) -> datafusion::common::Result<Vec<ArrayRef>> {
        self.details.take(numbers)
    }
}

fn insert_if_vacant<T>(entry: Entry<'_, T>, value: T) -> bool {
    match entry {
        Entry::Occupied(_) => false,
        Entry::Vacant(place) => {
            place.insert(value);
            true
        }
    }
}

/// The bytes of an id that is a UUID in its usual form: lower case, with hyphens. No two ids have the same.
fn parse_uuid(id: &str) -> Option<Uuid> {
    let text: &[u8; 36] = id.as_bytes().try_into().ok()?;
    let hyphens = [text[8], text[13], text[18], text[23]];
    if hyphens != [b'-'; 4] {
        return None;
    }
    let (mut value, mut seen) = (0u128, 0u8);
    for digits in [&text[..8], &text[9..13], &text[14..18], &text[19..23], &text[24..]] {
        for &byte in digits {
            let digit = HEXADECIMAL[usize::from(byte)];
            seen |= digit;
            value = value << 4 | u128::from(digit);
        }
    }
    let is_hexadecimal = seen & NOT_HEXADECIMAL == 0;
    is_hexadecimal.then_some(((value >> 64) as u64, value as u64))
}

const NOT_HEXADECIMAL: u8 = 0x80;

/// The value of each lower-case hexadecimal digit.
const HEXADECIMAL: [u8; 256] = {
    let mut values = [NOT_HEXADECIMAL; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

fn first_bytes(id: &str) -> u64 {
    let mut bytes = [0; size_of::<u64>()];
    let length = id.len().min(bytes.len());
    bytes[..length].copy_from_slice(&id.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_in_the_usual_form_are_uuids() {
        let id = "0123abcd-89ef-4567-8000-00000000000f";
        assert_eq!(parse_uuid(id), Some((0x0123_abcd_89ef_4567, 0x8000_0000_0000_000f)));
        for other in [
            id.to_uppercase(),
            id.replace('-', "0"),
            id[1..].to_owned(),
            id.replace('f', "g"),
            format!("{id} "),
        ] {
            assert_eq!(parse_uuid(&other), None, "{other}");
        }
    }

    #[test]
    fn first_bytes_sort_like_ids() {
        assert!(first_bytes("a") < first_bytes("aa"));
        assert!(first_bytes("zzzzzzzz1") == first_bytes("zzzzzzzz2"));
        assert!(first_bytes("z") < first_bytes("अ"));
    }
}
