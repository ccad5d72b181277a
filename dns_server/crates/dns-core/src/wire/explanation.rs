//! Extended DNS errors (RFC 8914): `gslb/core/answering/explanation.py`.

/// What a person who reads a bad answer is told about why it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// There is nothing to explain.
    Nothing,
    /// There is no snapshot yet.
    NotReady,
    /// No zone of ours ends the name.
    NotAuthoritative,
    /// Transfers, other classes, types that cannot be asked for.
    NotSupported,
    /// Nothing serves.
    AllDown,
}

impl Explanation {
    /// INFO-CODE, then EXTRA-TEXT; empty where nothing is said.
    #[inline]
    pub const fn option(self) -> &'static [u8] {
        match self {
            Self::Nothing => &[],
            Self::NotReady => &[0, 14],
            Self::NotAuthoritative => &[0, 20],
            Self::NotSupported => &[0, 21],
            Self::AllDown => b"\0\0no server for this name and type is up",
        }
    }
}
