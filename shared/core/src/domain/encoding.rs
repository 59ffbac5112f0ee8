//! Base36 for identifiers and base62 for secrets and checksums: fixed widths, most significant digit first.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Encodes the low 80 bits of `number` in 16 digits of `0-9A-Z`; 36^16 is just over 2^82.
pub(crate) fn base36(number: u128) -> String {
    digits36::<16>(number & ((1 << 80) - 1))
}

/// Encodes the low 102 bits of `number` in 20 digits of `0-9A-Z`; 36^20 is just over 2^103.
pub(crate) fn base36_wide(number: u128) -> String {
    digits36::<20>(number & ((1 << 102) - 1))
}

fn digits36<const WIDTH: usize>(mut rest: u128) -> String {
    let mut digits = [0_u8; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 36) as usize];
        rest /= 36;
    }
    digits.iter().map(|&digit| char::from(digit)).collect()
}

/// The most digits that [`push_base62`] writes; 62^43 is just over 2^256.
const WIDTH_MAX: usize = 44;

/// The digits of one division: 62^5 is the largest power below 2^32.
const GROUP: usize = 5;

/// Appends `number` as `width` base62 digits, dropping the high digits if it needs more.
///
/// # Panics
///
/// If `width` is over [`WIDTH_MAX`].
pub(crate) fn push_base62(text: &mut String, number: [u8; 32], width: usize) {
    let mut limbs = [0_u32; 8];
    for (limb, bytes) in limbs.iter_mut().zip(number.as_chunks().0) {
        *limb = u32::from_be_bytes(*bytes);
    }
    let mut digits = [0_u8; WIDTH_MAX];
    let digits = &mut digits[..width];
    for group in digits.rchunks_mut(GROUP) {
        let mut rest = divide(&mut limbs, 62_u32.pow(GROUP as u32));
        for digit in group.iter_mut().rev() {
            *digit = BASE62[(rest % 62) as usize];
            rest /= 62;
        }
    }
    text.extend(digits.iter().map(|&digit| char::from(digit)));
}

/// Widens a checksum to a number that [`push_base62`] takes.
pub(crate) fn widen(number: u32) -> [u8; 32] {
    let mut wide = [0; 32];
    wide[28..].copy_from_slice(&number.to_be_bytes());
    wide
}

/// Divides the number in `limbs`, most significant first, in place and returns the remainder.
fn divide(limbs: &mut [u32; 8], divisor: u32) -> u32 {
    let mut remainder = 0;
    for limb in limbs {
        let current = u64::from(remainder) << 32 | u64::from(*limb);
        // The remainder is below the divisor, so the quotient fits in a limb.
        *limb = (current / u64::from(divisor)) as u32;
        remainder = (current % u64::from(divisor)) as u32;
    }
    remainder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_hold_the_largest_numbers() {
        assert_eq!(base36(u128::MAX), base36((1 << 80) - 1));
        assert_eq!(base36(0), "0000000000000000");
        assert_eq!(base36(35), "000000000000000Z");
        assert_eq!(base36(36), "0000000000000010");

        let mut text = String::new();
        push_base62(&mut text, [0xff; 32], 44);
        assert!(text.starts_with('0'), "43 digits hold 256 bits: {text}");
        text.clear();
        push_base62(&mut text, widen(u32::MAX), 6);
        // 2^32 - 1, computed with another implementation.
        assert_eq!(text, "4gfFC3");
    }
}
