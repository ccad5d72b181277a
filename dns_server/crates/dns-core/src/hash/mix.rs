//! Mixing 64 bits, as in `gslb/core/steering/cohorts.py`.

/// A bijection of 64-bit integers in which every input bit moves every output bit (SplitMix64's finaliser).
#[inline]
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
