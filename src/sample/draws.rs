//! Reproducible random draws.
//!
//! Each stream of draws is seeded with (seed, purpose, chunk). A chunk of rows can thus be drawn again on its own, for
//! another day or in another order, with the same result. Only arithmetic that every machine rounds alike is used (no
//! `powf`), so the files are equal everywhere.

use rand::seq::{SliceRandom, index};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The purpose of a stream of draws. The number is part of the seed: never reuse or change one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Tenants = 1,
    UserIds = 2,
    Users = 3,
    Batches = 4,
    Enrolees = 5,
    Learning = 6,
    Clicks = 7,
    Courses = 8,
    Telemetry = 9,
}

/// One reproducible stream of draws.
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    pub fn new(seed: u64, stream: Stream, chunk: usize) -> Draws {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = stream as u8;
        key[16..24].copy_from_slice(&(chunk as u64).to_le_bytes());
        Draws(ChaCha8Rng::from_seed(key))
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    /// True with probability `share`.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound.max(1) as u64) as usize
    }

    /// A number below `bound`; small numbers are much more likely.
    pub fn skewed(&mut self, bound: usize) -> usize {
        let x = self.unit();
        (bound as f64 * x * x) as usize
    }

    /// A number in `[from, to)`; `from` when the range is empty.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        if from < to { self.0.random_range(from..to) } else { from }
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// `amount` different numbers below `bound`.
    pub fn distinct(&mut self, bound: usize, amount: usize) -> impl Iterator<Item = usize> {
        index::sample(&mut self.0, bound, amount).into_iter()
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.0);
    }

    /// 128 random bits, as a message id has them.
    pub fn bits(&mut self) -> u128 {
        self.0.random()
    }

    /// A random UUID of version 4.
    pub fn uuid(&mut self) -> u128 {
        let version = 0x4u128 << 76;
        let variant = 0b10u128 << 62;
        self.bits() & !(0xf << 76) & !(0b11 << 62) | version | variant
    }
}

/// Writes a UUID in canonical form into `text`: reusing the string keeps 50 million rows cheap.
pub(super) fn write_uuid(uuid: u128, text: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    text.clear();
    for digit in 0..32 {
        if matches!(digit, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        let nibble = (uuid >> (124 - 4 * digit)) as usize & 0xf;
        text.push(char::from(HEX[nibble]));
    }
}

/// A UUID in canonical form.
pub(super) fn uuid_text(uuid: u128) -> String {
    let mut text = String::with_capacity(36);
    write_uuid(uuid, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_differs_from_others() {
        let first = |seed, stream, chunk| Draws::new(seed, stream, chunk).bits();
        assert_eq!(first(7, Stream::Users, 3), first(7, Stream::Users, 3));
        assert_ne!(first(7, Stream::Users, 3), first(8, Stream::Users, 3));
        assert_ne!(first(7, Stream::Users, 3), first(7, Stream::Clicks, 3));
        assert_ne!(first(7, Stream::Users, 3), first(7, Stream::Users, 4));
    }

    #[test]
    fn uuids_are_version_4() {
        let text = uuid_text(Draws::new(1, Stream::UserIds, 0).uuid());
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]));
    }

    #[test]
    fn a_uuid_is_written_in_full() {
        assert_eq!(uuid_text(0xff), "00000000-0000-0000-0000-0000000000ff");
    }
}
