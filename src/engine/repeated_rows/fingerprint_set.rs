//! A set of fingerprints with a bitmap in front, for look-ups that mostly miss.

use std::collections::HashSet;

use foldhash::fast::FixedState;

/// Bits of the largest bitmap, 2 MB: it must stay within a processor's caches.
const MOST_BITS: usize = 1 << 24;
/// A multiplier that spreads fingerprints with equal highest or lowest bits over the bitmap.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Fingerprints, and a bitmap of their hashes (a Bloom filter with one hash). Most look-ups of absent fingerprints find
/// their bit unset, and do not touch the memory of the fingerprints.
#[derive(Debug)]
pub struct FingerprintSet {
    fingerprints: HashSet<u64, FixedState>,
    bits: Vec<u64>,
    shift: u32,
}

impl FingerprintSet {
    pub fn new(fingerprints: HashSet<u64, FixedState>) -> Self {
        let bits = (16 * fingerprints.len())
            .next_power_of_two()
            .clamp(u64::BITS as usize, MOST_BITS);
        let mut set = Self {
            fingerprints,
            bits: vec![0; bits / u64::BITS as usize],
            shift: u64::BITS - bits.ilog2(),
        };
        for fingerprint in &set.fingerprints {
            let (word, bit) = place(*fingerprint, set.shift);
            set.bits[word] |= bit;
        }
        set
    }

    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    pub fn len(&self) -> usize {
        self.fingerprints.len()
    }

    pub fn contains(&self, fingerprint: u64) -> bool {
        let (word, bit) = place(fingerprint, self.shift);
        self.bits[word] & bit != 0 && self.fingerprints.contains(&fingerprint)
    }
}

fn place(fingerprint: u64, shift: u32) -> (usize, u64) {
    let place = fingerprint.wrapping_mul(SPREAD) >> shift;
    (
        (place / u64::from(u64::BITS)) as usize,
        1 << (place % u64::from(u64::BITS)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_are_found() {
        for count in [0, 1, 10, 100_000_u64] {
            let set = FingerprintSet::new((0..count).map(|number| number * 3).collect());
            assert_eq!(set.is_empty(), count == 0);
            for number in 0..3 * count {
                assert_eq!(set.contains(number), number % 3 == 0, "{number} of {count}");
            }
            assert!(!set.contains(u64::MAX));
        }
    }
}
