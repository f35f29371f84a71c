//! User ids as keys of a fixed size: equal where the ids are, without a directory of users.
//!
//! UUIDs and short texts lie in the key. Of a longer text the key has a number, from a dictionary of such texts.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use foldhash::fast::FixedState;

use super::uuids::parse_uuid;

/// Bytes of the longest text that lies in the key; one more byte is its length.
const SHORT: usize = 15;
/// Dictionaries of long texts, so that threads seldom wait for each other.
const SHARDS: u64 = 64;
/// Bytes of a long text beside its letters: its pointer, its number, and the room of its table.
const TEXT_BYTES: usize = 48;

/// A user id. Two are equal where the ids are, letter by letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserKey {
    /// In four pieces, so that a key with the number of a batch takes 24 bytes.
    bits: [u32; 4],
    form: Form,
}

/// What the bits of a key encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Form {
    Uuid,
    Short,
    Numbered,
}

/// Makes keys of ids.
pub struct UserKeys {
    numbers: Vec<Mutex<HashMap<Box<str>, u64, FixedState>>>,
    hasher: FixedState,
    /// Accounts for the long texts.
    memory: MemoryReservation,
}

impl UserKeys {
    /// Empty dictionaries; `memory` accounts for the long texts that are added.
    pub fn new(memory: MemoryReservation) -> Self {
        Self {
            numbers: std::iter::repeat_with(Mutex::default).take(SHARDS as usize).collect(),
            hasher: FixedState::default(),
            memory,
        }
    }

    /// The key of an id.
    ///
    /// # Errors
    /// Where the memory does not suffice for a long text.
    pub fn key_of(&self, id: &str) -> Result<UserKey> {
        if let Some(uuid) = parse_uuid(id) {
            return Ok(UserKey::of(uuid, Form::Uuid));
        }
        if id.len() <= SHORT {
            let mut bytes = [0; SHORT + 1];
            bytes[..id.len()].copy_from_slice(id.as_bytes());
            bytes[SHORT] = id.len() as u8;
            return Ok(UserKey::of(u128::from_le_bytes(bytes), Form::Short));
        }
        Ok(UserKey::of(u128::from(self.number_of(id)?), Form::Numbered))
    }

    fn number_of(&self, id: &str) -> Result<u64> {
        let shard = self.hasher.hash_one(id) % SHARDS;
        let numbers = &self.numbers[shard as usize];
        let mut numbers = numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = numbers.get(id) {
            return Ok(number);
        }
        self.memory.try_grow(id.len() + TEXT_BYTES)?;
        let number = numbers.len() as u64 * SHARDS + shard;
        numbers.insert(id.into(), number);
        Ok(number)
    }
}

impl UserKey {
    fn of(bits: u128, form: Form) -> Self {
        let bits = [0, 32, 64, 96].map(|shift| (bits >> shift) as u32);
        Self { bits, form }
    }
}

impl Hash for UserKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let [a, b, c, d] = self.bits.map(u64::from);
        hasher.write_u64(a | b << 32);
        hasher.write_u64(c | d << 32);
        hasher.write_u32(self.form as u32);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryPool};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn keys(bytes: usize) -> UserKeys {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(bytes));
        UserKeys::new(MemoryConsumer::new("users").register(&pool))
    }

    #[test]
    fn long_texts_count_against_the_memory() {
        let keys = keys(100);
        let long = "a long name of a user";
        let first = keys.key_of(long).expect("room for one");
        assert_eq!(keys.key_of(long).expect("known"), first);
        assert!(keys.key_of("another long name of a user").is_err());
        assert!(keys.key_of("short").is_ok());
    }

    fn some_ids() -> impl Strategy<Value = BTreeSet<String>> {
        let id = prop_oneof![
            any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string()),
            any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string().to_uppercase()),
            "[0-9a\u{0}]{0,4}",
            "[ab]{14,18}",
            "[अआ]{4,7}",
        ];
        prop::collection::btree_set(id, 0..60)
    }

    proptest! {
        #[test]
        fn keys_are_equal_where_ids_are(ids in some_ids()) {
            let keys = keys(1 << 20);
            let made: Vec<UserKey> = ids.iter().map(|id| keys.key_of(id).expect("room")).collect();
            for (place, id) in ids.iter().enumerate() {
                let again = keys.key_of(id).expect("room");
                let same: Vec<usize> = (0..made.len()).filter(|&other| made[other] == again).collect();
                prop_assert_eq!(same, [place]);
            }
        }
    }
}
