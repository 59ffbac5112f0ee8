//! Base36 for identifiers and base62 for secrets and checksums: fixed widths, most significant digit first.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Encodes the low 80 bits of `number` in 16 digits of `0-9A-Z`; 36^16 is just over 2^82.
pub(crate) fn base36(number: u128) -> String {
    let mut rest = number & ((1 << 80) - 1);
    let mut digits = [0_u8; 16];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 36) as usize];
        rest /= 36;
    }
    digits.iter().map(|&digit| char::from(digit)).collect()
}

/// Appends `number` as `width` base62 digits, dropping the high digits if it needs more.
pub(crate) fn push_base62(text: &mut String, mut number: [u8; 32], width: usize) {
    let start = text.len();
    for _ in 0..width {
        text.insert(start, char::from(BASE62[usize::from(divide_by_62(&mut number))]));
    }
}

/// Widens a checksum to a number that [`push_base62`] takes.
pub(crate) fn widen(number: u32) -> [u8; 32] {
    let mut wide = [0; 32];
    wide[28..].copy_from_slice(&number.to_be_bytes());
    wide
}

/// Divides the big-endian `number` by 62 in place and returns the remainder.
fn divide_by_62(number: &mut [u8; 32]) -> u8 {
    let mut remainder = 0_u16;
    for byte in number {
        let current = remainder << 8 | u16::from(*byte);
        // `current` is below 62 * 256, so the quotient fits in a byte.
        *byte = (current / 62) as u8;
        remainder = current % 62;
    }
    remainder as u8
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
