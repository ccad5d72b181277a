//! SipHash-2-4: a short keyed hash of 64 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).

const COMPRESSION_ROUNDS: u32 = 2;
const FINAL_ROUNDS: u32 = 4;

/// The hash, whose octets go out least significant first.
pub fn siphash(key: u128, data: &[u8]) -> u64 {
    let (k0, k1) = (key as u64, (key >> 64) as u64);
    let mut state = [
        k0 ^ 0x736F_6D65_7073_6575,
        k1 ^ 0x646F_7261_6E64_6F6D,
        k0 ^ 0x6C79_6765_6E65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = data.as_chunks::<8>();
    let last = rest.iter().rev().fold(0, |word, &octet| word << 8 | u64::from(octet));
    let last = last | (data.len() as u64) << 56;
    for word in words.iter().map(|octets| u64::from_le_bytes(*octets)).chain([last]) {
        let [_, _, _, v3] = &mut state;
        *v3 ^= word;
        rounds(&mut state, COMPRESSION_ROUNDS);
        let [v0, ..] = &mut state;
        *v0 ^= word;
    }
    let [_, _, v2, _] = &mut state;
    *v2 ^= 0xFF;
    rounds(&mut state, FINAL_ROUNDS);
    state.into_iter().fold(0, |sum, word| sum ^ word)
}

fn rounds(state: &mut [u64; 4], count: u32) {
    let [v0, v1, v2, v3] = state;
    for _ in 0..count {
        *v0 = v0.wrapping_add(*v1);
        *v2 = v2.wrapping_add(*v3);
        *v1 = v1.rotate_left(13) ^ *v0;
        *v3 = v3.rotate_left(16) ^ *v2;
        *v0 = v0.rotate_left(32);
        *v2 = v2.wrapping_add(*v1);
        *v0 = v0.wrapping_add(*v3);
        *v1 = v1.rotate_left(17) ^ *v2;
        *v3 = v3.rotate_left(21) ^ *v0;
        *v2 = v2.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u128 = 0x0F0E_0D0C_0B0A_0908_0706_0504_0302_0100;

    /// From the paper and its reference vectors: the message counts up from 0.
    #[test]
    fn known_hashes() {
        let message: Vec<u8> = (0..64).collect();
        for (length, hash) in [
            (0, 0x726F_DB47_DD0E_0E31),
            (1, 0x74F8_39C5_93DC_67FD),
            (8, 0x93F5_F579_9A93_2462),
            (15, 0xA129_CA61_49BE_45E5),
            (63, 0x958A_324C_EB06_4572),
        ] {
            assert_eq!(siphash(KEY, &message[..length]), hash, "{length}");
        }
    }
}
