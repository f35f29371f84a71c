//! The directory of users: a number for every id, and the details that reports show of them.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::execution::memory_pool::MemoryReservation;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::super::error::ReportError;
use crate::engine::EngineError;

/// The columns of `users` that reports show, after `user_id`.
pub const DETAILS: [&str; 10] = [
    "external_id",
    "first_name",
    "last_name",
    "email",
    "mobile",
    "organization_name",
    "district_name",
    "school_name",
    "block_name",
    "tenant_id",
];

/// Users by number. Those of the export come first, in its order; strangers, whom only enrolments name, after them.
pub struct Users {
    ids: StringViewArray,
    details: Vec<ArrayRef>,
    hasher: FixedState,
    numbers: HashTable<u32>,
    strangers: Mutex<HashMap<String, u32>>,
    memory: MemoryReservation,
}

/// Every user, ranked by id.
pub struct RankedUsers {
    ids: StringViewArray,
    details: Vec<ArrayRef>,
    strangers: Vec<String>,
    rank_of: Vec<u32>,
    by_rank: Vec<u32>,
    /// Held as long as the directory.
    _memory: MemoryReservation,
}

impl Users {
    /// A directory of the rows of `users`, which hold `user_id` and [`DETAILS`]; `None` where an id stands twice.
    /// Its size is added to `memory`.
    pub fn try_new(users: &RecordBatch, memory: MemoryReservation) -> Result<Option<Self>, ReportError> {
        let column = |name| users.column_by_name(name).ok_or(ReportError::MissingColumn(name));
        let ids = column("user_id")?.as_string_view().clone();
        let details = DETAILS.iter().map(|name| Ok(column(name)?.clone())).collect::<Result<Vec<_>, ReportError>>()?;
        let hasher = FixedState::default();
        let mut numbers = HashTable::with_capacity(ids.len());
        for number in 0..ids.len() {
            let hash = hasher.hash_one(ids.value(number));
            let number_as_u32 = u32::try_from(number).map_err(|_| ReportError::TooManyIds("users"))?;
            let entry = numbers.entry(
                hash,
                |&other: &u32| ids.value(other as usize) == ids.value(number),
                |&other| hasher.hash_one(ids.value(other as usize)),
            );
            match entry {
                hashbrown::hash_table::Entry::Occupied(_) => return Ok(None),
                hashbrown::hash_table::Entry::Vacant(place) => place.insert(number_as_u32),
            };
        }
        let columns: usize = details.iter().map(|column| column.get_array_memory_size()).sum();
        let ranks = ids.len() * 2 * size_of::<u32>();
        memory
            .try_grow(columns + ids.get_array_memory_size() + numbers.allocation_size() + ranks)
            .map_err(EngineError::running("the directory of users"))?;
        Ok(Some(Self {
            ids,
            details,
            hasher,
            numbers,
            strangers: Mutex::default(),
            memory,
        }))
    }

    /// The number of a user who is in the directory, or who is a stranger already met.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.find_listed(id).or_else(|| self.locked_strangers().get(id).copied())
    }

    /// The number of a user, who becomes a stranger if nobody knows them.
    pub fn find_or_add(&self, id: &str) -> Result<u32, ReportError> {
        if let Some(number) = self.find_listed(id) {
            return Ok(number);
        }
        let mut strangers = self.locked_strangers();
        let next = u32::try_from(self.ids.len() + strangers.len()).map_err(|_| ReportError::TooManyIds("users"))?;
        Ok(*strangers.entry(id.to_owned()).or_insert(next))
    }

    fn find_listed(&self, id: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(id);
        self.numbers.find(hash, |&number| self.ids.value(number as usize) == id).copied()
    }

    fn locked_strangers(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        // A map is whole even if a thread that held it panicked.
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory with ranks, once no more strangers come.
    pub fn ranked(self) -> RankedUsers {
        let strangers = self.strangers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut in_order: Vec<(String, u32)> = strangers.into_iter().collect();
        in_order.sort_unstable_by_key(|(_, number)| *number);
        let mut users = RankedUsers {
            ids: self.ids,
            details: self.details,
            strangers: in_order.into_iter().map(|(id, _)| id).collect(),
            rank_of: Vec::new(),
            by_rank: Vec::new(),
            _memory: self.memory,
        };
        users.rank();
        users
    }
}

impl RankedUsers {
    fn rank(&mut self) {
        let count = self.ids.len() + self.strangers.len();
        // The first bytes decide nearly always, and lie together; the ids themselves are all over memory.
        let mut order: Vec<(u64, u32)> = (0..count as u32).map(|number| (first_bytes(self.id(number)), number)).collect();
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
        match number.checked_sub(self.ids.len()) {
            None => self.ids.value(number),
            Some(stranger) => &self.strangers[stranger],
        }
    }

    /// Whether the user is in the export.
    pub fn is_listed(&self, number: u32) -> bool {
        (number as usize) < self.ids.len()
    }

    /// The ids of the users in the export.
    pub fn listed_ids(&self) -> &StringViewArray {
        &self.ids
    }

    /// The columns of [`DETAILS`], of the users in the export.
    pub fn details(&self) -> &[ArrayRef] {
        &self.details
    }
}

fn first_bytes(id: &str) -> u64 {
    let mut bytes = [0; size_of::<u64>()];
    let length = id.len().min(bytes.len());
    bytes[..length].copy_from_slice(&id.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}
