//! The directory of users: maps every user id to a number, and numbers to ranks in the order of ids.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder};
use datafusion::execution::memory_pool::MemoryReservation;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use uuid::Uuid;

use super::error::DetailsError;
use super::fingerprint::{Fingerprint, FingerprintBuilder};
use super::records::Details;
use super::uuid_sieve::UuidSieve;
use super::uuids::{SortedUuids, parse_uuid, write_uuid};
use crate::engine::EngineError;
use crate::exports::Table;

/// Columns of `users` whose values are shared by many users.
const SHARED: [&str; 5] = [
    "organization_name",
    "district_name",
    "school_name",
    "block_name",
    "tenant_id",
];
/// Bytes of the blocks that a column of ids is written into.
const COLUMN_BLOCK_BYTES: u32 = 512 * 1024;
/// Bytes of an id that is not a UUID, beside its text: its pointer, and what the allocator rounds up.
const TEXT_BYTES: usize = size_of::<Box<str>>() + 16;

/// Whether the values of a column are a user's own, or shared by many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    Own,
    Shared,
}

/// The columns of `users` that reports need: `user_id`, and the others in contract order.
#[cfg(feature = "cluster")]
pub fn user_columns() -> impl Iterator<Item = &'static str> {
    std::iter::once("user_id").chain(detail_columns().map(|(name, _)| name))
}

/// The columns of `users` but `user_id`, in contract order.
pub fn detail_columns() -> impl Iterator<Item = (&'static str, Sharing)> {
    let others = Table::Users.columns().iter().map(|column| column.name);
    others.filter(|name| *name != "user_id").map(|name| {
        let is_shared = SHARED.contains(&name);
        (name, if is_shared { Sharing::Shared } else { Sharing::Own })
    })
}

/// User ids in any order.
#[derive(Debug, Default)]
pub struct UserIds {
    uuids: Vec<u128>,
    texts: Vec<Box<str>>,
}

impl UserIds {
    /// The ids in the column; NULLs are left out.
    pub fn of(ids: &StringViewArray) -> Self {
        let mut known = Self::default();
        known.uuids.reserve(ids.len());
        for id in ids.iter().flatten() {
            match parse_uuid(id) {
                Some(uuid) => known.uuids.push(uuid),
                None => known.texts.push(id.into()),
            }
        }
        known
    }

    /// The number of ids.
    fn len(&self) -> usize {
        self.uuids.len() + self.texts.len()
    }

    /// Joins several lists.
    pub fn joined(parts: Vec<Self>) -> Self {
        let mut all = Self::default();
        all.uuids.reserve_exact(parts.iter().map(|ids| ids.uuids.len()).sum());
        for ids in parts {
            all.uuids.extend(ids.uuids);
            all.texts.extend(ids.texts);
        }
        all
    }
}

/// Users by number: those of the export, or those whom rows name. Users whose ids are UUIDs come first, then the
/// others; both in the order of their ids.
pub struct Users {
    uuids: SortedUuids,
    texts: Vec<Box<str>>,
    hasher: FixedState,
    /// Positions in `texts`, by text.
    by_text: HashTable<u32>,
    /// Reserved as long as the directory exists.
    memory: MemoryReservation,
}

/// Users whom enrolments name but the export does not have. Their numbers follow the export's.
pub struct UnknownUsers {
    first: usize,
    numbers: Mutex<HashMap<String, u32>>,
}

/// Every user, with the rank in the order of ids.
pub struct RankedUsers {
    users: Arc<Users>,
    details: Arc<Details>,
    unknown_users: Vec<String>,
    /// `None` where numbers are already in the order of ids.
    ranks: Option<Ranks>,
}

/// The permutation between numbers and the order of ids.
struct Ranks {
    rank_of: Vec<u32>,
    by_rank: Vec<u32>,
}

impl Users {
    /// A directory of these ids; `None` where one is repeated. Its bytes are added to `memory`.
    pub fn try_new(ids: UserIds, memory: MemoryReservation) -> Result<Option<Self>, DetailsError> {
        let given = ids.len();
        let users = Self::distinct(ids, memory)?;
        Ok(Some(users).filter(|users| users.len() == given))
    }

    /// A directory of these ids, which may be repeated. Its bytes are added to `memory`.
    pub fn distinct(ids: UserIds, memory: MemoryReservation) -> Result<Self, DetailsError> {
        u32::try_from(ids.len()).map_err(|_| DetailsError::TooManyIds("users"))?;
        let UserIds { uuids, mut texts } = ids;
        texts.sort_unstable();
        texts.dedup();
        let hasher = FixedState::default();
        let mut by_text = HashTable::with_capacity(texts.len());
        for (place, text) in (0u32..).zip(&texts) {
            by_text.insert_unique(hasher.hash_one(text), place, |&other| {
                hasher.hash_one(&texts[other as usize])
            });
        }
        let users = Self {
            uuids: SortedUuids::new(uuids),
            texts,
            hasher,
            by_text,
            memory,
        };
        users
            .memory
            .try_grow(users.allocation_size())
            .map_err(EngineError::running("the directory of users"))?;
        Ok(users)
    }

    /// A directory of those users for whose numbers `is_kept`, in the same order; this one where it is all of them. The
    /// bytes of another one are added to `memory`.
    pub fn only(self: &Arc<Self>, is_kept: &[bool], memory: MemoryReservation) -> Result<Arc<Self>, DetailsError> {
        if is_kept.iter().all(|&is_kept| is_kept) {
            return Ok(Arc::clone(self));
        }
        let (of_uuids, of_texts) = is_kept.split_at(self.uuids.len());
        let uuids = (0u32..).zip(of_uuids).filter(|(_, is_kept)| **is_kept);
        let texts = self.texts.iter().zip(of_texts).filter(|(_, is_kept)| **is_kept);
        let ids = UserIds {
            uuids: uuids.map(|(place, _)| self.uuids.at(place)).collect(),
            texts: texts.map(|(text, _)| text.clone()).collect(),
        };
        Ok(Arc::new(Self::distinct(ids, memory)?))
    }

    /// The number of users.
    pub fn len(&self) -> usize {
        self.uuids.len() + self.texts.len()
    }

    /// Bytes of memory in use, with the ranks.
    pub fn allocation_size(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| TEXT_BYTES + text.len()).sum();
        let ranks = self.len() * 2 * size_of::<u32>();
        self.uuids.allocation_size() + texts + self.by_text.allocation_size() + ranks
    }

    /// What tells most ids that are not in the directory, for [`find_few`](Self::find_few).
    pub fn sieve(&self) -> UuidSieve {
        UuidSieve::of(self.uuids.iter())
    }

    /// The numbers of those `ids` that are in the directory.
    pub fn find(&self, ids: &StringViewArray) -> Vec<Option<u32>> {
        self.find_parsed(ids, parse_uuid)
    }

    /// The same, for ids of which few are in the directory, whose `sieve` it is.
    pub fn find_few(&self, ids: &StringViewArray, sieve: &UuidSieve) -> Vec<Option<u32>> {
        self.find_parsed(ids, |id| sieve.may_have(id).then(|| parse_uuid(id)).flatten())
    }

    /// The numbers of `ids`, where `parse` gives those that may be among the UUIDs.
    fn find_parsed(&self, ids: &StringViewArray, parse: impl Fn(&str) -> Option<u128>) -> Vec<Option<u32>> {
        let keys: Vec<Option<u128>> = ids.iter().map(|id| id.and_then(&parse)).collect();
        let mut found = self.uuids.find(&keys);
        if self.texts.is_empty() {
            return found;
        }
        for (row, number) in found.iter_mut().enumerate() {
            if keys[row].is_none() && ids.is_valid(row) {
                *number = self.find_text(ids.value(row));
            }
        }
        found
    }

    fn find_text(&self, id: &str) -> Option<u32> {
        let is_same = |&place: &u32| *self.texts[place as usize] == *id;
        let place = self.by_text.find(self.hasher.hash_one(id), is_same)?;
        Some(self.uuids.len() as u32 + place)
    }
}

impl UnknownUsers {
    /// An empty set of unknown users, whose numbers will follow those of `users`.
    pub fn to(users: &Users) -> Self {
        Self {
            first: users.len(),
            numbers: Mutex::default(),
        }
    }

    /// The number of an unknown user already added.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.locked().get(id).copied()
    }

    /// The number of an unknown user, who is added where needed.
    ///
    /// # Errors
    /// There are more users than numbers of 32 bits.
    pub fn find_or_add(&self, id: &str) -> Result<u32, DetailsError> {
        let mut numbers = self.locked();
        if let Some(&number) = numbers.get(id) {
            return Ok(number);
        }
        let next = u32::try_from(self.first + numbers.len()).map_err(|_| DetailsError::TooManyIds("users"))?;
        numbers.insert(id.to_owned(), next);
        Ok(next)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        // The map is consistent even where a thread panicked while it held the lock.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RankedUsers {
    /// Ranks all users, once all enrolments are read.
    pub fn new(users: Arc<Users>, details: Arc<Details>, unknown_users: UnknownUsers) -> Self {
        let unknown_users = unknown_users
            .numbers
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut in_order: Vec<(String, u32)> = unknown_users.into_iter().collect();
        in_order.sort_unstable_by_key(|(_, number)| *number);
        let unknown_users: Vec<String> = in_order.into_iter().map(|(id, _)| id).collect();
        Self {
            ranks: Ranks::of(&users, &unknown_users),
            users,
            details,
            unknown_users,
        }
    }

    /// The rank of a user in the order of ids.
    pub fn rank_of(&self, number: u32) -> u32 {
        match &self.ranks {
            None => number,
            Some(ranks) => ranks.rank_of[number as usize],
        }
    }

    /// The user at a rank in the order of ids.
    pub fn at_rank(&self, rank: u32) -> u32 {
        match &self.ranks {
            None => rank,
            Some(ranks) => ranks.by_rank[rank as usize],
        }
    }

    /// Whether the user is in the export.
    pub fn is_listed(&self, number: u32) -> bool {
        (number as usize) < self.users.len()
    }

    /// The fingerprint of a user's id and details; of the id alone where the user is not in the export.
    pub fn fingerprint_of(&self, number: u32) -> Fingerprint {
        self.details.fingerprint_of(number).unwrap_or_else(|| {
            let unknown = (number as usize).checked_sub(self.users.len());
            let id = unknown.and_then(|unknown| self.unknown_users.get(unknown));
            let mut builder = FingerprintBuilder::default();
            builder.text(id.map(String::as_str));
            builder.finish()
        })
    }

    /// The ids of users, by their numbers.
    pub fn ids(&self, numbers: &[u32]) -> ArrayRef {
        let mut ids = StringViewBuilder::with_capacity(numbers.len()).with_fixed_block_size(COLUMN_BLOCK_BYTES);
        let mut buffer = Uuid::encode_buffer();
        let (uuids, texts) = (&self.users.uuids, &self.users.texts);
        for &number in numbers {
            match (number as usize).checked_sub(uuids.len()) {
                None => ids.append_value(write_uuid(uuids.at(number), &mut buffer)),
                Some(text) => match text.checked_sub(texts.len()) {
                    None => ids.append_value(&*texts[text]),
                    Some(unknown) => ids.append_value(&self.unknown_users[unknown]),
                },
            }
        }
        Arc::new(ids.finish())
    }

    /// The columns of [`detail_columns`] for users by their numbers; NULLs for `None`.
    pub fn details(&self, numbers: &[Option<u32>]) -> datafusion::common::Result<Vec<ArrayRef>> {
        self.details.take(numbers)
    }
}

impl Ranks {
    /// Ranks the export's users together with the unknown ones, whose numbers are in order of arrival.
    fn of(users: &Users, unknown_users: &[String]) -> Option<Self> {
        let uuid_count = users.uuids.len();
        let texts = users.texts.iter().map(|text| &**text);
        let others = texts.chain(unknown_users.iter().map(String::as_str));
        let mut others: Vec<(&str, u32)> = others.zip(uuid_count as u32..).collect();
        if others.is_empty() {
            return None;
        }
        others.sort_unstable();
        let mut by_rank = Vec::with_capacity(uuid_count + others.len());
        let mut uuids = 0..uuid_count as u32;
        for (id, number) in others {
            let before = users.uuids.count_before(id) as u32;
            by_rank.extend(uuids.start..before);
            uuids.start = before;
            by_rank.push(number);
        }
        by_rank.extend(uuids);
        let mut rank_of = vec![0; by_rank.len()];
        for (rank, &number) in (0u32..).zip(&by_rank) {
            rank_of[number as usize] = rank;
        }
        Some(Self { rank_of, by_rank })
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};
    use proptest::prelude::*;

    use super::super::records::DetailsBuilder;
    use super::*;

    fn memory() -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        MemoryConsumer::new("users").register(&pool)
    }

    fn directory(ids: &[&str]) -> Option<Users> {
        let parts = ids.chunks(2).map(|ids| UserIds::of(&ids.iter().map(Some).collect()));
        Users::try_new(UserIds::joined(parts.collect()), memory()).expect("few users")
    }

    const UUIDS: [&str; 2] = [
        "0123abcd-89ef-4567-8000-00000000000f",
        "a0000000-0000-4000-8000-000000000000",
    ];

    #[test]
    fn a_repeated_id_is_an_error_or_is_kept_once() {
        for ids in [["a", "b", "a"], [UUIDS[0], UUIDS[1], UUIDS[0]]] {
            assert!(directory(&ids).is_none(), "{ids:?}");
        }
        assert!(directory(&["a", "A", UUIDS[0], &UUIDS[0].to_uppercase()]).is_some());
        let twice = ["b", UUIDS[1], "a", UUIDS[0], "b", UUIDS[1]];
        let distinct = Users::distinct(UserIds::of(&twice.iter().map(Some).collect()), memory()).expect("few users");
        assert_eq!(distinct.len(), 4);
    }

    #[test]
    fn a_directory_of_some_users_keeps_their_order() {
        let users = Arc::new(directory(&["b", UUIDS[1], "a", UUIDS[0]]).expect("no id twice"));
        let all = users.only(&[true; 4], memory()).expect("few users");
        assert!(Arc::ptr_eq(&users, &all));
        let some = users.only(&[false, true, true, false], memory()).expect("few users");
        let numbers = |users: &Users| users.find(&[UUIDS[0], UUIDS[1], "a", "b"].into_iter().map(Some).collect());
        assert_eq!(numbers(&users), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(numbers(&some), [None, Some(0), Some(1), None]);
    }

    #[test]
    fn the_contract_has_every_shared_column() {
        let shared = detail_columns().filter(|(_, sharing)| *sharing == Sharing::Shared);
        assert_eq!(shared.map(|(name, _)| name).collect::<Vec<_>>(), SHARED);
    }

    fn some_ids() -> impl Strategy<Value = Vec<String>> {
        let one = prop_oneof![
            any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string()),
            "[0-9a-zअ=]{1,3}"
        ];
        prop::collection::btree_set(one, 0..40).prop_map(|ids| ids.into_iter().collect())
    }

    proptest! {
        #[test]
        fn listed_and_unknown_users_are_found_and_ranked_in_the_order_of_ids(
            (ids, listed) in some_ids().prop_flat_map(|ids| {
                let listed = prop::collection::vec(any::<bool>(), ids.len());
                (Just(ids), listed)
            }),
        ) {
            let export: Vec<&str> = ids.iter().zip(&listed).filter(|(_, listed)| **listed).map(|(id, _)| id.as_str()).collect();
            let users = Arc::new(directory(&export).expect("no id twice"));
            let unknown_users = UnknownUsers::to(&users);
            let backwards = ids.iter().rev().map(Some).collect();
            let found = users.find(&backwards);
            prop_assert_eq!(&found, &users.find_few(&backwards, &users.sieve()));
            let numbers = ids.iter().rev().zip(found).map(|(id, found)| match found {
                Some(number) => number,
                None => unknown_users.find_or_add(id).expect("few unknown users"),
            });
            let mut numbers: Vec<u32> = numbers.collect();
            numbers.reverse();
            let details = DetailsBuilder::in_memory(users.len(), std::iter::empty()).finish(memory()).expect("details");
            let ranked = RankedUsers::new(users, Arc::new(details), unknown_users);
            for (rank, (&number, listed)) in (0u32..).zip(numbers.iter().zip(&listed)) {
                prop_assert_eq!((ranked.rank_of(number), ranked.at_rank(rank)), (rank, number));
                prop_assert_eq!(ranked.is_listed(number), *listed);
            }
            let written = ranked.ids(&numbers);
            prop_assert_eq!(written.as_string_view().iter().flatten().collect::<Vec<_>>(), ids);
        }
    }
}
