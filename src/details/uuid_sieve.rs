//! Tells most ids that are not among some UUIDs, by a few of their digits and one look at memory.
//!
//! An export has many more users than a batch names. To parse the id of each and to look it up costs two waits for
//! memory; a bit for each value of a short hash lies within the processor's caches.

use super::uuids::{HEXADECIMAL, NOT_HEXADECIMAL};

/// Bits for each UUID: of ids that are absent, one in sixteen passes.
const BITS_EACH: usize = 16;
/// The least and the greatest number of bits: a cache line, and 8 MiB, more than caches hold.
const BITS: (usize, usize) = (512, 1 << 26);
const WORD_BITS: usize = u64::BITS as usize;

/// Bits that are set for the hashes of some UUIDs.
pub struct UuidSieve {
    words: Vec<u64>,
    /// The shift of a hash that gives the place of its bit.
    shift: u32,
}

impl UuidSieve {
    /// The sieve of these UUIDs.
    pub fn of(uuids: impl ExactSizeIterator<Item = u128>) -> Self {
        let (least, most) = BITS;
        let bits = uuids
            .len()
            .saturating_mul(BITS_EACH)
            .clamp(least, most)
            .next_power_of_two();
        let shift = u32::BITS - bits.ilog2();
        let mut words = vec![0; bits / WORD_BITS];
        for uuid in uuids {
            // The first eight digits and the last: of some versions of UUIDs, either are much alike.
            let hash = (uuid >> (u128::BITS - u32::BITS)) as u32 ^ uuid as u32;
            let place = (hash >> shift) as usize;
            words[place / WORD_BITS] |= 1 << (place % WORD_BITS);
        }
        Self { words, shift }
    }

    /// Whether an id may be one of the UUIDs, or is not written as they are.
    pub fn may_have(&self, id: &str) -> bool {
        let Ok(text) = <&[u8; 36]>::try_from(id.as_bytes()) else {
            return true;
        };
        let (mut hash, mut seen) = (0u32, 0u8);
        for (&first, &last) in text[..8].iter().zip(&text[28..]) {
            let (first, last) = (HEXADECIMAL[usize::from(first)], HEXADECIMAL[usize::from(last)]);
            seen |= first | last;
            hash = hash << 4 | u32::from(first ^ last);
        }
        let place = (hash >> self.shift) as usize;
        let is_set = self.words[place / WORD_BITS] >> (place % WORD_BITS) & 1 == 1;
        is_set || seen & NOT_HEXADECIMAL != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn text(uuid: u128) -> String {
        Uuid::from_u128(uuid).to_string()
    }

    #[test]
    fn most_ids_that_are_absent_do_not_pass() {
        let spread = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let known: Vec<u128> = (0..10_000).map(spread).collect();
        let sieve = UuidSieve::of(known.iter().copied());
        assert!(known.iter().all(|&uuid| sieve.may_have(&text(uuid))));
        let absent = (10_000..20_000).map(spread);
        let passing = absent.filter(|&uuid| sieve.may_have(&text(uuid))).count();
        assert!(passing < 10_000 / 8, "{passing} pass");
    }

    #[test]
    fn ids_of_another_form_pass() {
        let none = UuidSieve::of(std::iter::empty());
        let id = text(0x0123_abcd_89ef_4567_8000_0000_0000_000f);
        assert!(!none.may_have(&id));
        for other in ["", "u1", &id.to_uppercase(), &id.replace('f', "g"), &format!("{id} ")] {
            assert!(none.may_have(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_known_uuid_passes(uuids in prop::collection::vec(any::<u128>(), 0..300)) {
            let sieve = UuidSieve::of(uuids.iter().copied());
            for uuid in uuids {
                prop_assert!(sieve.may_have(&text(uuid)));
            }
        }
    }
}
