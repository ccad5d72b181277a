//! The parts of `proto/gslb/api/v1/{snapshot,engine}.proto` that this engine reads; other fields are skipped.

#![allow(missing_docs, reason = "the proto files say what fields mean")]

use prost::{Enumeration, Message};

#[derive(Clone, PartialEq, Message)]
pub struct Chunk {
    #[prost(message, repeated, tag = "1")]
    pub zones: Vec<ZoneData>,
    #[prost(message, repeated, tag = "4")]
    pub endpoints: Vec<EndpointData>,
    #[prost(message, repeated, tag = "5")]
    pub pools: Vec<PoolData>,
    #[prost(message, repeated, tag = "7")]
    pub services: Vec<ServiceData>,
    #[prost(message, repeated, tag = "8")]
    pub ranges: Vec<RangePiece>,
    #[prost(message, optional, tag = "10")]
    pub ecs: Option<EcsData>,
    #[prost(message, optional, tag = "11")]
    pub dns: Option<DnsData>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ZoneData {
    #[prost(bytes = "vec", tag = "1")]
    pub apex: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub serial: u32,
    #[prost(message, optional, tag = "3")]
    pub soa: Option<SoaData>,
    #[prost(message, repeated, tag = "4")]
    pub rrsets: Vec<RRsetData>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SoaData {
    #[prost(bytes = "vec", tag = "1")]
    pub mname: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub rname: Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub refresh_s: u32,
    #[prost(uint32, tag = "4")]
    pub retry_s: u32,
    #[prost(uint32, tag = "5")]
    pub expire_s: u32,
    #[prost(uint32, tag = "6")]
    pub negative_ttl_s: u32,
    #[prost(uint32, tag = "7")]
    pub ttl_s: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct RRsetData {
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub rrtype: u32,
    #[prost(uint32, tag = "3")]
    pub ttl_s: u32,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub rdatas: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct EndpointData {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub addresses: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "3")]
    pub host: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PoolData {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "3")]
    pub members: Vec<MemberData>,
}

#[derive(Clone, PartialEq, Message)]
pub struct MemberData {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub endpoint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum RangeKind {
    Unspecified = 0,
    EcsV4 = 1,
    EcsV6 = 2,
    FullV4 = 3,
    FullV6 = 4,
}

#[derive(Clone, PartialEq, Message)]
pub struct RangePiece {
    #[prost(string, tag = "1")]
    pub policy: String,
    #[prost(enumeration = "RangeKind", tag = "2")]
    pub kind: i32,
    #[prost(uint32, tag = "3")]
    pub unit_bits: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub deltas: Vec<u8>,
    #[prost(uint32, repeated, tag = "5")]
    pub classes: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct EcsData {
    #[prost(string, repeated, tag = "1")]
    pub networks: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub own_prefixes: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DnsData {
    #[prost(message, optional, tag = "1")]
    pub rate_limit: Option<RateLimitData>,
    #[prost(uint32, tag = "2")]
    pub max_nocookie_response: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct RateLimitData {
    #[prost(uint32, tag = "1")]
    pub answers: u32,
    #[prost(uint32, tag = "2")]
    pub nxdomain: u32,
    #[prost(uint32, tag = "3")]
    pub errors: u32,
    #[prost(uint32, tag = "4")]
    pub client: u32,
    #[prost(uint32, tag = "5")]
    pub slip: u32,
    #[prost(string, repeated, tag = "6")]
    pub exempt: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ServiceData {
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub zone: Vec<u8>,
    #[prost(string, tag = "3")]
    pub policy: String,
    #[prost(message, repeated, tag = "4")]
    pub bindings: Vec<BindingData>,
    #[prost(uint32, tag = "6")]
    pub ttl_s: u32,
    #[prost(uint32, tag = "7")]
    pub answers: u32,
    #[prost(bool, tag = "8")]
    pub by_query: bool,
    #[prost(message, optional, tag = "9")]
    pub all_down: Option<AllDownData>,
}

#[derive(Clone, PartialEq, Message)]
pub struct BindingData {
    #[prost(string, tag = "2")]
    pub pool: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct AllDownData {
    #[prost(string, tag = "2")]
    pub pool: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct EngineStatic {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub shared_sets: Vec<Vec<u8>>,
    #[prost(fixed64, repeated, tag = "2")]
    pub salts: Vec<u64>,
    #[prost(uint32, repeated, tag = "3")]
    pub units: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    pub shared: Vec<u32>,
    #[prost(message, repeated, tag = "5")]
    pub seen: Vec<SeenData>,
    #[prost(message, repeated, tag = "6")]
    pub lanes: Vec<LaneData>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct SeenData {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    #[prost(int32, tag = "2")]
    pub family: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct LaneData {
    #[prost(uint32, tag = "1")]
    pub unit: u32,
    #[prost(int32, tag = "2")]
    pub family: i32,
    #[prost(uint32, repeated, tag = "3")]
    pub slots: Vec<u32>,
    #[prost(uint32, tag = "4")]
    pub last_resort: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct EngineDecision {
    #[prost(bool, tag = "1")]
    pub whole: bool,
    #[prost(message, repeated, tag = "2")]
    pub vectors: Vec<VectorData>,
    #[prost(message, repeated, tag = "3")]
    pub rows: Vec<RowData>,
    #[prost(message, repeated, tag = "4")]
    pub columns: Vec<ColumnData>,
    #[prost(message, repeated, tag = "5")]
    pub assignments: Vec<AssignmentData>,
    #[prost(uint32, repeated, tag = "6")]
    pub dropped_rows: Vec<u32>,
    #[prost(uint32, repeated, tag = "7")]
    pub dropped_columns: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct VectorData {
    #[prost(uint32, tag = "1")]
    pub seen: u32,
    #[prost(uint32, tag = "2")]
    pub levels: u32,
    #[prost(uint32, repeated, tag = "3")]
    pub members: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    pub shares: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum RowKind {
    Unspecified = 0,
    Pools = 1,
    Addresses = 2,
    Nodata = 3,
    Servfail = 4,
    LastResort = 5,
}

#[derive(Clone, PartialEq, Message)]
pub struct RowData {
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(enumeration = "RowKind", tag = "2")]
    pub kind: i32,
    #[prost(uint32, tag = "3")]
    pub level: u32,
    #[prost(uint32, repeated, tag = "4")]
    pub slots: Vec<u32>,
    #[prost(string, repeated, tag = "5")]
    pub names: Vec<String>,
    #[prost(uint32, repeated, tag = "6")]
    pub shares: Vec<u32>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub addresses: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ColumnData {
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(uint32, repeated, tag = "2")]
    pub rows: Vec<u32>,
    #[prost(uint32, repeated, tag = "3")]
    pub lengths: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AssignmentData {
    #[prost(uint32, tag = "1")]
    pub column: u32,
    #[prost(uint32, repeated, tag = "2")]
    pub lanes: Vec<u32>,
}
