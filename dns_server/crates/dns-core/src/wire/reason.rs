//! Why a packet gets no answer, or none but an error.

/// Why a packet was malformed or dropped; a small closed set, so that a stranger cannot make new counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Under 12 octets.
    Short,
    /// A response.
    Response,
    /// Another opcode than QUERY.
    Opcode,
    /// Not one question.
    QuestionCount,
    /// The packet ends inside the question.
    QuestionCutOff,
    /// A question name that is too long or holds a pointer.
    QuestionName,
    /// More records than the packet has octets for.
    RecordCount,
    /// The packet ends inside a record.
    RecordCutOff,
    /// A record's owner name that is too long or points anywhere but backward.
    RecordName,
    /// A second OPT, or one outside the additional section or with an owner.
    MisplacedOpt,
    /// A TSIG that is not the last record.
    MisplacedTsig,
    /// A malformed TSIG.
    Tsig,
    /// Octets behind the last record.
    TrailingOctets,
    /// The OPT record ends inside an option.
    OptionCutOff,
    /// More than one ECS option.
    TwoEcsOptions,
    /// A malformed ECS option.
    Ecs,
    /// A COOKIE option of a length that no cookie has.
    Cookie,
    /// An answer beyond a rate limit.
    RateLimit,
}
