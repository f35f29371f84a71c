//! Validates the parameters of public keys: with weak ones signatures could be forged, with invalid ones none can be
//! made.

use ed25519_dalek::VerifyingKey;

/// Bits of the largest RSA exponent that the library checks signatures with.
const MOST_EXPONENT_BITS: usize = 33;

/// Whether an RSA key may have that exponent: an odd number from 3 on. With 1, each message is its own signature.
pub fn is_exponent(number: &[u8]) -> bool {
    let is_odd = number.last().is_some_and(|last| last % 2 == 1);
    is_odd && (2..=MOST_EXPONENT_BITS).contains(&bits(number))
}

/// Whether the point (SEC 1) is one of the curve P-256.
pub fn is_on_p256(point: &[u8]) -> bool {
    p256::PublicKey::from_sec1_bytes(point).is_ok()
}

/// Whether the point (SEC 1) is one of the curve P-384.
pub fn is_on_p384(point: &[u8]) -> bool {
    p384::PublicKey::from_sec1_bytes(point).is_ok()
}

/// Whether the point (RFC 8032) is one of Ed25519's curve, and none of those of small order, for which signatures can
/// be made without a private key.
pub fn is_ed25519(point: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(point).is_ok_and(|key| !key.is_weak())
}

/// The length of a number without the zeros before it.
pub fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match number.get(zeros) {
        Some(first) => (number.len() - zeros) * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_no_bits() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[0, 1, 0]), 9);
        assert_eq!(bits(&[0x80]), 8);
    }

    #[test]
    fn exponents_are_odd_numbers_from_three() {
        for good in [&[3][..], &[0, 3], &[1, 0, 1], &[1, 255, 255, 255, 255]] {
            assert!(is_exponent(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &[0],
            &[1],
            &[0, 0, 1],
            &[2],
            &[4],
            &[1, 0, 0],
            &[2, 0, 0, 0, 1],
            &[1; 256],
        ] {
            assert!(!is_exponent(bad), "{bad:?}");
        }
    }

    /// The number 2^255 - 19 + `more`, as points of Ed25519 are written: the lowest byte first, the sign in the last
    /// bit.
    fn prime_and(more: i16) -> [u8; 32] {
        let mut point = [0xff; 32];
        point[0] = u8::try_from(0xed + more).expect("a byte");
        point[31] = 0x7f;
        point
    }

    #[test]
    fn points_of_small_order_are_no_keys() {
        let small = |first: u8| {
            let mut point = [0; 32];
            point[0] = first;
            point
        };
        let of_order_8: [[u8; 32]; 2] = [
            [
                0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
                0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
            ],
            [
                0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
                0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
            ],
        ];
        let points = [small(0), small(1), prime_and(-1), prime_and(0), prime_and(1)];
        for mut point in points.into_iter().chain(of_order_8) {
            assert!(!is_ed25519(&point), "{point:02x?}");
            point[31] |= 0x80;
            assert!(!is_ed25519(&point), "{point:02x?}");
        }
        assert!(!is_ed25519(&[7; 32]), "not on the curve");
        // The base point.
        let mut base = [0x66; 32];
        base[0] = 0x58;
        assert!(is_ed25519(&base));
    }

    #[test]
    fn points_are_on_their_curves() {
        let wrong = |bytes: usize, value: u8| {
            let mut point = vec![value; 2 * bytes + 1];
            point[0] = 4;
            point
        };
        for value in [0, 7, 0xff] {
            assert!(!is_on_p256(&wrong(32, value)), "{value}");
            assert!(!is_on_p384(&wrong(48, value)), "{value}");
        }
        assert!(!is_on_p256(&[0]), "the point at infinity");
        assert!(!is_on_p384(&[0]), "the point at infinity");
    }
}
